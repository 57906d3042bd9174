package live

import "github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"

// User is an Output with a user who can type. Without one a cell meets the end of its standard
// input at once.
type User interface {
	Output
	// CanAsk reports whether there is a user.
	CanAsk() bool
	// Ask asks for a line, and returns it without its end. ok is false if the cell has ended
	// meanwhile.
	Ask() (line string, ok bool)
}

func hasUser(out Output) bool {
	u, ok := out.(User)
	return ok && u.CanAsk()
}

// ask lets the user answer a cell that reads its standard input.
func (p *process) ask(out Output) {
	u, ok := out.(User)
	if !ok {
		return
	}
	if line, ok := u.Ask(); ok {
		p.request(wire.Request{Input: &line})
	}
}
