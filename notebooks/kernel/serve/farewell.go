package serve

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// A kernel without a GoNB ends. Before, it waits for the first cell, since a front end shows the
// answer to a cell, but hides the output of a kernel that has died. The wait ends when the front
// end is silent for a while.
const (
	silence      = 3 * time.Second
	farewellTime = 10 * time.Second
)

// lament tells the first cell why the kernel ends, and returns the reason.
func lament(ctx context.Context, f *front, l Launch, reason error) error {
	if ctx.Err() != nil {
		return nil
	}
	limit := time.After(farewellTime)
	newMourner(f, l, reason).answer(ctx, func(cells int) <-chan time.Time {
		if cells > 0 {
			return time.After(delivery)
		}
		return time.After(silence)
	}, limit)
	return reason
}

// refuseAll answers all cells with a reason that the user can mend, until the kernel is shut down.
func refuseAll(ctx context.Context, f *front, l Launch, reason error) error {
	tell(reason)
	newMourner(f, l, reason).answer(ctx, func(int) <-chan time.Time { return nil }, nil)
	return nil
}

// tell writes an error to the kernel's log, which Jupyter shows.
func tell(err error) {
	fmt.Fprintln(os.Stderr, "eqflow:", strings.ReplaceAll(err.Error(), "\n", "; "))
}

// mourner answers a front end in the place of GoNB.
type mourner struct {
	*proxy
	requests chan request
}

// request is a message of the front end, and the socket of its answer.
type request struct {
	message gonb.Message
	from    outlet
}

func newMourner(f *front, l Launch, reason error) *mourner {
	p := newProxy(f, nil, nil, l)
	p.broken = reason
	return &mourner{p, make(chan request)}
}

// answer answers requests until the kernel is shut down, ctx or limit ends, or the time that
// patience gives after each message is over. patience receives the number of refused cells.
func (m *mourner) answer(ctx context.Context, patience func(cells int) <-chan time.Time, limit <-chan time.Time) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go m.receive(ctx, m.shell)
	go m.receive(ctx, m.control)
	for {
		select {
		case r := <-m.requests:
			if m.answerOne(r) {
				time.Sleep(delivery)
				return
			}
		case <-patience(m.refused):
			return
		case <-limit:
			return
		case <-ctx.Done():
			return
		}
	}
}

// receive passes on the socket's messages until ctx ends.
func (m *mourner) receive(ctx context.Context, from outlet) {
	for {
		frames, err := from.Recv()
		if err != nil {
			return
		}
		message, err := m.key.Decode(frames)
		if err == nil {
			_, err = gonb.Complete(gonb.Requests, &message)
		}
		if err != nil {
			continue
		}
		select {
		case m.requests <- request{message, from}:
		case <-ctx.Done():
			return
		}
	}
}

// answerOne answers a request. last reports whether the front end asks for the kernel's end.
func (m *mourner) answerOne(r request) (last bool) {
	to, message := r.from, &r.message
	switch message.Header.Type {
	case "execute_request":
		m.refuse(message)
	case "kernel_info_request":
		m.setStatus(message, "busy")
		m.proxy.answer(to, message, "kernel_info_reply", m.kernelInfo())
		m.setStatus(message, "idle")
	case "shutdown_request":
		m.proxy.answer(to, message, "shutdown_reply",
			map[string]any{"status": "ok", "restart": message.Content["restart"]})
		return true
	case "interrupt_request":
		m.proxy.answer(to, message, "interrupt_reply", map[string]any{"status": "ok"})
	default:
		m.shellRequest(message, to) // completions, and the like, which need no GoNB
	}
	return false
}

// failPending answers the cells that run or wait when GoNB ends.
func (p *proxy) failPending(reason error) {
	p.mu.Lock()
	requests, count := p.pending, p.count
	p.pending = map[string]*gonb.Message{}
	p.mu.Unlock()
	for _, m := range requests {
		failure := errorContent(reason)
		p.answer(p.iopub, m, "error", failure)
		reply := map[string]any{"status": "error", "execution_count": count}
		maps.Copy(reply, failure)
		p.answer(p.shell, m, "execute_reply", reply)
		p.setStatus(m, "idle")
	}
}
