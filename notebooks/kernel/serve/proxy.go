package serve

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// proxy passes messages between Jupyter and GoNB.
type proxy struct {
	*front
	back   *gonb.Channels
	engine *gonb.Engine
	launch Launch
	broken error         // why the session could not be prepared; every cell then says so
	ended  chan struct{} // closed when a shutdown was answered
	end    sync.Once

	mu      sync.Mutex
	cells   map[string]*cell // with magics, by the request that runs them
	running string           // the request that GoNB works on, "" for none
	count   int              // of cells that a broken kernel has refused
	leave   *gonb.Message    // the request to shut down, once it came
}

// cell is an execution request whose magics were taken out.
type cell struct {
	code          string // as the user wrote it
	out           *Output
	failure       error
	replied, idle bool // what says that it is over, on sockets that do not wait for each other
}

func newProxy(f *front, back *gonb.Channels, e *gonb.Engine, l Launch) *proxy {
	return &proxy{front: f, back: back, engine: e, launch: l, ended: make(chan struct{}), cells: map[string]*cell{}}
}

// run passes messages on until the kernel is shut down, GoNB ends, or ctx does.
func (p *proxy) run(ctx context.Context) error {
	toShell, toControl, toStdin := &outlet{Socket: p.back.Shell}, &outlet{Socket: p.back.Control}, &outlet{Socket: p.back.Stdin}
	go p.pump(p.shell, toShell, p.shellRequest)
	go p.pump(p.control, toControl, p.controlRequest)
	go p.pump(p.stdin, toStdin, nil)
	go p.pump(p.back.Shell, p.shell, p.shellReply)
	go p.pump(p.back.Control, p.control, p.controlReply)
	go p.pump(p.back.Stdin, p.stdin, nil)
	go p.pump(p.back.IOPub, p.iopub, p.publication)
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
	case <-p.engine.Ended():
		p.mu.Lock()
		told := p.leave
		p.mu.Unlock()
		if told == nil {
			return fmt.Errorf("%w\n%s", gonb.ErrEnded, p.engine.Log())
		}
		time.Sleep(lastWords) // GoNB's own answer, if it got out, is on its way
		p.farewell(told)
	}
	time.Sleep(lastWords)
	return nil
}

// farewell answers a shutdown that GoNB has not answered.
func (p *proxy) farewell(request *gonb.Message) {
	p.end.Do(func() {
		p.answer(p.control, request, "shutdown_reply", map[string]any{"status": "ok", "restart": request.Content["restart"]})
		close(p.ended)
	})
}

// lastWords is how long the answer to a shutdown gets to leave.
const lastWords = 200 * time.Millisecond

// pump passes messages from one socket to another. look, if there is one, may change a message, and tells whether to pass
// it. What is not signed with the connection's key is dropped.
func (p *proxy) pump(from zmq4.Socket, to *outlet, look func(m *gonb.Message, to *outlet) (pass, changed bool)) {
	for {
		raw, err := from.Recv()
		if err != nil {
			return
		}
		m, ok := p.key.Parse(raw.Frames)
		if !ok {
			continue
		}
		if look != nil {
			pass, changed := look(&m, to)
			if !pass {
				continue
			}
			if changed {
				if raw, err = p.key.Frames(m); err != nil {
					continue
				}
			}
		}
		if to.put(raw) != nil && p.back.Life.Err() != nil {
			return
		}
	}
}

// answer sends a message of our own with m as its parent.
func (p *proxy) answer(to *outlet, m *gonb.Message, kind string, content map[string]any) {
	identities := m.Identities
	if to == p.iopub {
		identities = [][]byte{[]byte("kernel." + kind)}
	}
	raw, err := p.key.Frames(gonb.Message{Identities: identities, Header: gonb.NewHeader(m.Header.Session, kind), Parent: m.Header, Content: content})
	if err == nil {
		_ = to.put(raw)
	}
}

// shellRequest looks at what the front end asks for, and answers what GoNB does not.
func (p *proxy) shellRequest(m *gonb.Message, _ *outlet) (pass, changed bool) {
	switch m.Header.Type {
	case "execute_request":
		return p.executeRequest(m)
	case "complete_request":
		content, own := p.complete(text(m.Content["code"]), m.Content["cursor_pos"])
		if own {
			p.reply(m, "complete_reply", content)
		}
		return !own, false
	case "is_complete_request":
		p.reply(m, "is_complete_reply", isComplete(text(m.Content["code"])))
		return false, false
	case "history_request":
		p.reply(m, "history_reply", map[string]any{"status": "ok", "history": []any{}})
		return false, false
	}
	return true, false
}

// reply answers a request on the shell socket, busy meanwhile, as the protocol wants it.
func (p *proxy) reply(m *gonb.Message, kind string, content map[string]any) {
	p.answer(p.iopub, m, "status", map[string]any{"execution_state": "busy"})
	p.answer(p.shell, m, kind, content)
	p.answer(p.iopub, m, "status", map[string]any{"execution_state": "idle"})
}

// executeRequest takes the magics out of a cell, or refuses it in a kernel whose preparation failed.
func (p *proxy) executeRequest(m *gonb.Message) (pass, changed bool) {
	if p.broken != nil {
		p.refuse(m)
		return false, false
	}
	code := text(m.Content["code"])
	rest, lines := takeMagics(code)
	if len(lines) == 0 {
		return true, false
	}
	c := &cell{code: code, out: &Output{}}
	for _, line := range lines {
		if c.failure = runMagic(p.back.Life, p.launch.Magics, line.words, c.out); c.failure != nil {
			break
		}
		if c.out.line != "" {
			rest[line.index], c.out.line = c.out.line, ""
		}
	}
	if c.failure != nil {
		rest = nil // the rest of a cell that failed does not run
	}
	p.mu.Lock()
	p.cells[m.Header.ID] = c
	p.mu.Unlock()
	m.Content["code"] = strings.Join(rest, "\n")
	return true, true
}

// refuse answers a cell with the reason why nothing runs here.
func (p *proxy) refuse(m *gonb.Message) {
	p.mu.Lock()
	p.count++
	count := p.count
	p.mu.Unlock()
	failure := map[string]any{
		"ename": "eqflow: the kernel could not be prepared", "evalue": p.broken.Error(),
		"traceback": append(strings.Split(p.broken.Error(), "\n"), "", "`eqflow kernel status` in a terminal says what is broken; restart the kernel when it is mended."),
	}
	p.answer(p.iopub, m, "status", map[string]any{"execution_state": "busy"})
	p.answer(p.iopub, m, "execute_input", map[string]any{"code": m.Content["code"], "execution_count": count})
	p.answer(p.iopub, m, "error", failure)
	answer := map[string]any{"status": "error", "execution_count": count}
	for k, v := range failure {
		answer[k] = v
	}
	p.answer(p.shell, m, "execute_reply", answer)
	p.answer(p.iopub, m, "status", map[string]any{"execution_state": "idle"})
}

// publication restores in a cell's echo what its user wrote, and adds what its magics say.
func (p *proxy) publication(m *gonb.Message, _ *outlet) (pass, changed bool) {
	p.mu.Lock()
	c := p.cells[m.Parent.ID]
	if m.Header.Type == "status" && m.Parent.Type == "execute_request" {
		switch m.Content["execution_state"] {
		case "busy":
			p.running = m.Parent.ID
		case "idle":
			if p.running == m.Parent.ID {
				p.running = ""
			}
			if c != nil {
				c.idle = true
				p.forget(m.Parent.ID, c)
			}
		}
	}
	p.mu.Unlock()
	changed = renumber(m.Content)
	if c == nil || m.Header.Type != "execute_input" {
		return true, changed
	}
	m.Content["code"] = c.code
	raw, err := p.key.Frames(*m)
	if err != nil {
		return true, false
	}
	_ = p.iopub.put(raw)
	request := &gonb.Message{Header: m.Parent}
	for _, said := range c.out.messages {
		p.answer(p.iopub, request, said.kind, said.content)
	}
	if c.failure != nil {
		p.answer(p.iopub, request, "error", errorContent(c.failure))
	}
	return false, false
}

// renumber counts cells as their user does, who has not seen the one that prepared the session.
func renumber(content map[string]any) (changed bool) {
	count, ok := content["execution_count"].(float64)
	if ok && count > 0 {
		content["execution_count"] = int(count) - 1
	}
	return ok && count > 0
}

// forget drops a cell that is over. The caller holds the lock.
func (p *proxy) forget(request string, c *cell) {
	if c.replied && c.idle {
		delete(p.cells, request)
	}
}

func errorContent(err error) map[string]any {
	return map[string]any{"ename": "eqflow", "evalue": err.Error(), "traceback": strings.Split(err.Error(), "\n")}
}

// shellReply says who we are, and that a cell failed whose magic did.
func (p *proxy) shellReply(m *gonb.Message, _ *outlet) (pass, changed bool) {
	switch m.Header.Type {
	case "kernel_info_reply":
		p.introduce(m.Content)
		return true, true
	case "execute_reply":
		p.mu.Lock()
		c := p.cells[m.Parent.ID]
		if c != nil {
			c.replied = true
			p.forget(m.Parent.ID, c)
		}
		p.mu.Unlock()
		changed = renumber(m.Content)
		if c == nil || c.failure == nil {
			return true, changed
		}
		m.Content["status"] = "error"
		for k, v := range errorContent(c.failure) {
			m.Content[k] = v
		}
		return true, true
	}
	return true, false
}

// introduce completes what GoNB says of itself: without a lexer, notebooks are shown and exported without colours.
func (p *proxy) introduce(content map[string]any) {
	content["implementation"], content["implementation_version"] = "eqflow", p.launch.Version
	content["banner"] = "eqflow " + p.launch.Version + ": equivariant Boltzmann generators in Go, through GoNB " + p.launch.Tools.Version + ". %eqflow help lists the magics."
	language, _ := content["language_info"].(map[string]any)
	if language == nil {
		language = map[string]any{}
	}
	language["name"], language["mimetype"], language["file_extension"] = "go", "text/x-go", ".go"
	language["pygments_lexer"], language["codemirror_mode"] = "go", "go"
	content["language_info"] = language
	content["status"] = "ok"
}

// controlRequest repeats an interrupt until it has reached the cell, and sees to it that a shutdown ends.
func (p *proxy) controlRequest(m *gonb.Message, to *outlet) (pass, changed bool) {
	switch m.Header.Type {
	case "interrupt_request":
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		if running != "" {
			go p.interruptUntilIdle(running, to)
		}
	case "shutdown_request":
		request := *m
		p.mu.Lock()
		p.leave = &request
		p.mu.Unlock()
		time.AfterFunc(patience, func() { p.farewell(&request) }) // a GoNB that hangs does not answer
	}
	return true, false
}

// patience is how long GoNB has to answer a shutdown.
const patience = 2 * time.Second

func (p *proxy) controlReply(m *gonb.Message, _ *outlet) (pass, changed bool) {
	if m.Header.Type == "shutdown_reply" {
		defer p.end.Do(func() { time.AfterFunc(lastWords/2, func() { close(p.ended) }) })
	}
	return len(m.Identities) > 0, false // without: the answer to an interrupt of our own
}

// interruptUntilIdle repeats the interrupt: a cell that still compiles has no program to take it.
func (p *proxy) interruptUntilIdle(request string, to *outlet) {
	for until := time.Now().Add(gonb.Grace); time.Now().Before(until); {
		time.Sleep(gonb.InterruptEvery)
		p.mu.Lock()
		still := p.running == request
		p.mu.Unlock()
		if !still {
			return
		}
		raw, err := p.key.Frames(gonb.Message{Header: gonb.NewHeader(gonb.RandomToken(), "interrupt_request"), Content: map[string]any{}})
		if err != nil || to.put(raw) != nil {
			return
		}
	}
}
