package serve

import (
	"context"
	"maps"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// request puts a cell in the queue. done is closed when the cell is answered.
func (l *living) request(m *gonb.Message) (done <-chan struct{}) {
	if m.Header.Subshell == "" {
		l.transcripts.begin(m)
	}
	l.cellMu.Lock()
	l.waiting = append(l.waiting, m.Header.ID)
	l.cellMu.Unlock()
	done = l.await(m)
	l.queue <- *m
	return done
}

// await notes that a cell's request has no answer yet. done is closed when it has.
func (l *living) await(m *gonb.Message) (done chan struct{}) {
	request := *m
	done = make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending[m.Header.ID], l.ends[m.Header.ID] = &request, done
	return done
}

// waits reports whether a cell's request has no answer yet. When GoNB ends, the proxy answers.
func (l *living) waits(m *gonb.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending[m.Header.ID] != nil
}

// finish answers a cell's request, unless the proxy does or has done so because GoNB has ended.
func (l *living) finish(m *gonb.Message, content map[string]any) {
	select {
	case <-l.kernelEnded():
		return
	default:
	}
	l.mu.Lock()
	waits := l.pending[m.Header.ID] != nil
	delete(l.pending, m.Header.ID)
	if done := l.ends[m.Header.ID]; done != nil {
		close(done)
		delete(l.ends, m.Header.ID)
	}
	l.mu.Unlock()
	if waits {
		l.answer(l.shell, m, "execute_reply", content)
		l.ended(m)
		l.transcripts.end(m.Header.ID)
	}
}

func (l *living) runAll(ctx context.Context) {
	for {
		select {
		case m := <-l.queue:
			l.run(&m)
		case <-ctx.Done():
			return
		}
	}
}

// run runs a cell of the queue, and answers its request.
func (l *living) run(m *gonb.Message) {
	l.cellMu.Lock()
	l.waiting = l.waiting[1:]
	aborted := l.aborted[m.Header.ID]
	delete(l.aborted, m.Header.ID)
	count := max(l.count, 1)
	l.cellMu.Unlock()
	if aborted {
		l.setStatus(m, "busy")
		reply := okReply(count)
		reply["status"] = "aborted"
		l.finish(m, reply)
		return
	}
	code := text(m.Content["code"])
	beside := m.Header.Subshell != ""
	l.runNumbered(m, l.number(m), beside, func(count int) map[string]any { return l.perform(m, count, code) })
}

// number returns the number of a cell that begins.
func (l *living) number(m *gonb.Message) (count int) {
	l.cellMu.Lock()
	if isCounted(m) {
		l.count++
		l.sources[l.count] = text(m.Content["code"])
	}
	count = max(l.count, 1)
	l.cellMu.Unlock()
	l.mu.Lock()
	l.proxy.count = count
	l.mu.Unlock()
	l.transcripts.runs(m.Header.ID, count)
	return count
}

// isCounted reports whether a cell gets a number of its own.
func isCounted(m *gonb.Message) bool {
	silent, _ := m.Content["silent"].(bool)
	keep, given := m.Content["store_history"].(bool)
	return !silent && (keep || !given)
}

// okReply returns the content of a reply to a cell.
func okReply(count int) map[string]any {
	return map[string]any{
		"status": "ok", "execution_count": count, "payload": []any{}, "user_expressions": map[string]any{},
	}
}

// runNumbered publishes that a cell runs, lets perform run it, and answers its request. beside
// reports that it does not run as a cell of the main shell.
func (l *living) runNumbered(m *gonb.Message, count int, beside bool, perform func(count int) map[string]any) {
	l.begins(m, beside)
	if silent, _ := m.Content["silent"].(bool); !silent {
		l.answer(l.iopub, m, "execute_input", map[string]any{"code": m.Content["code"], "execution_count": count})
	}
	reply := okReply(count)
	page, failure, asked := l.explain(m, text(m.Content["code"]))
	if !asked {
		failure = perform(count)
	} else if page != nil {
		reply["payload"] = []any{page}
	}
	if failure != nil {
		reply["status"] = "error"
		maps.Copy(reply, failure)
		if stop, given := m.Content["stop_on_error"].(bool); (stop || !given) && !beside {
			l.abortQueue()
		}
	}
	l.finish(m, reply)
}

// abortQueue refuses the cells that wait behind one that has failed.
func (l *living) abortQueue() {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	for _, id := range l.waiting {
		l.aborted[id] = true
	}
}

// busy is the cell that runs in the main shell, or nil.
type busy struct {
	mu   sync.Mutex
	cell *gonb.Message
}

// begins publishes that a cell runs, which may do so beside those of the main shell.
func (l *living) begins(m *gonb.Message, beside bool) {
	l.busy.mu.Lock()
	defer l.busy.mu.Unlock()
	if !beside {
		l.busy.cell = m
	}
	l.setStatus(m, "busy")
}

// ended publishes that a cell has ended.
func (l *living) ended(m *gonb.Message) {
	l.busy.mu.Lock()
	defer l.busy.mu.Unlock()
	if l.busy.cell != nil && l.busy.cell.Header.ID == m.Header.ID {
		l.busy.cell = nil
	}
	l.setStatus(m, "idle")
	l.remind()
}

// stillBusy publishes again that a cell runs, after the answer to a request beside the cell. Front
// ends take the kernel for idle after each answer.
func (l *living) stillBusy() {
	l.busy.mu.Lock()
	defer l.busy.mu.Unlock()
	l.remind()
}

// remind is stillBusy for a caller that holds the lock.
func (l *living) remind() {
	if l.busy.cell != nil {
		l.setStatus(l.busy.cell, "busy")
	}
}
