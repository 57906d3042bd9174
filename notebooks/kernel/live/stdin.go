package live

import (
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// User is an Output with a user who can type. Without one a cell meets the end of its standard
// input at once.
type User interface {
	Output
	// CanAsk reports whether there is a user.
	CanAsk() bool
	// Ask asks for a line, and returns it without its end. secret asks for one that is not shown.
	// ok is false if the cell has ended meanwhile.
	Ask(prompt string, secret bool) (line string, ok bool)
}

func hasUser(out Output) bool {
	u, ok := out.(User)
	return ok && u.CanAsk()
}

// ask lets the user answer a cell that reads its standard input or calls gonbui.RequestInput. The
// latter is read too, so that one question may be asked twice at once; the first one counts.
func (p *process) ask(out Output, question protocol.InputRequest) {
	u, ok := out.(User)
	if !ok || !u.CanAsk() || !p.questions.TryLock() {
		return
	}
	defer p.questions.Unlock()
	if line, ok := u.Ask(question.Prompt, question.Password); ok {
		p.request(wire.Request{Input: &line})
	}
}
