package serve

import (
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// question is a request for a line of input that waits for its answer.
type question struct {
	id     string // of the request
	answer chan string
}

// CanAsk reports whether the front end that sent the cell answers when the cell reads its input.
func (o *shownOutput) CanAsk() bool {
	allowed, _ := o.request.Content["allow_stdin"].(bool)
	return allowed
}

// Ask asks the front end for a line. Without a prompt, what the cell has written last stands before
// the user.
func (o *shownOutput) Ask(prompt string, secret bool) (line string, ok bool) {
	header := gonb.NewHeader(o.session, "input_request")
	q := &question{header.ID, make(chan string, 1)}
	o.living.setQuestion(q)
	defer o.living.setQuestion(nil)
	err := o.write(o.stdin, gonb.Message{
		Identities: o.request.Identities, Header: header, Parent: o.request.Header,
		Content: map[string]any{"prompt": prompt, "password": secret},
	})
	if err != nil {
		return "", false
	}
	select {
	case line = <-q.answer:
		return line, true
	case <-o.over:
		return "", false
	}
}

func (l *living) setQuestion(q *question) {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	l.asked = q
}

// inputReply takes the answer to a living cell's question. All other answers are for GoNB.
func (p *proxy) inputReply(m *gonb.Message, _ outlet) (pass bool) {
	if p.living == nil {
		return true
	}
	p.living.cellMu.Lock()
	defer p.living.cellMu.Unlock()
	q := p.living.asked
	if q == nil {
		return p.living.lent != nil // else it comes too late
	}
	if parent := m.Parent.ID; parent == "" || parent == q.id { // some front ends name no parent
		select {
		case q.answer <- text(m.Content["value"]):
		default: // answered before
		}
	}
	return false
}
