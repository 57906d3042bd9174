package serve

import (
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// question is a request for a line of input that waits for its answer.
type question struct {
	header  gonb.Header
	content map[string]any
	cell    string // the id of the request of the cell that asks
	answer  chan string
}

// CanAsk reports whether the front end that sent the cell answers when the cell reads its input.
func (o *shownOutput) CanAsk() bool {
	allowed, _ := o.request.Content["allow_stdin"].(bool)
	return allowed
}

// Ask asks the front end for a line. Without a prompt, what the cell has written last stands before
// the user.
func (o *shownOutput) Ask(prompt string, secret bool) (line string, ok bool) {
	q := &question{
		header: gonb.NewHeader(o.session, "input_request"), cell: o.request.Header.ID,
		content: map[string]any{"prompt": prompt, "password": secret}, answer: make(chan string, 1),
	}
	defer o.living.setQuestion(nil)
	if err := o.living.askAll(q, &o.request); err != nil {
		return "", false
	}
	select {
	case line = <-q.answer:
		return line, true
	case <-o.over:
		return "", false
	}
}

// askAll asks the front end of a cell, and the pages that show the cell anew. The first answer
// counts.
func (l *living) askAll(q *question, request *gonb.Message) error {
	if t := l.transcripts.of(q.cell); t != nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, f := range t.followers {
			if f.asCell {
				_ = l.ask(q, &f.request)
			}
		}
	}
	l.setQuestion(q)
	return l.ask(q, request)
}

// ask sends a question to the front end of a request.
func (l *living) ask(q *question, request *gonb.Message) error {
	return l.write(l.stdin, gonb.Message{
		Identities: request.Identities, Header: q.header, Parent: request.Header, Content: q.content,
	})
}

// openQuestion returns the question of a cell that waits for its answer, or nil.
func (l *living) openQuestion(cell string) *question {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	if l.asked == nil || l.asked.cell != cell {
		return nil
	}
	return l.asked
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
	if parent := m.Parent.ID; parent == "" || parent == q.header.ID { // some front ends name no parent
		select {
		case q.answer <- text(m.Content["value"]):
		default: // answered before
		}
	}
	return false
}
