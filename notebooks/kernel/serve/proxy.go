package serve

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// proxy passes messages between Jupyter and GoNB.
type proxy struct {
	*front
	back   *gonb.Channels
	kernel *gonb.Kernel
	launch Launch
	broken error         // the failure of the preparation, which every cell then shows
	ended  chan struct{} // closed when a shutdown has been answered
	end    sync.Once
	living *living // runs the cells, or nil if GoNB runs all of them
	toGoNB *outlet

	mu       sync.Mutex
	cells    map[string]*cell // with magics, by the id of their request
	running  string           // the id of the request that GoNB runs, or ""
	refused  int              // number of cells that a broken kernel has refused
	shutdown *gonb.Message    // the request to shut down, or nil
}

// cell is an execution request whose magics were extracted.
type cell struct {
	code          string // as the user wrote it
	out           *Output
	failure       error
	replied, idle bool // the two signs of its end, on sockets that do not wait for each other
}

// filter inspects a message and may change it. pass reports whether the proxy passes the message
// on, and changed whether it must be signed again. to is the socket that it goes to.
type filter func(m *gonb.Message, to *outlet) (pass, changed bool)

func newProxy(f *front, back *gonb.Channels, kernel *gonb.Kernel, l Launch) *proxy {
	return &proxy{
		front: f, back: back, kernel: kernel, launch: l,
		ended: make(chan struct{}), cells: map[string]*cell{}, toGoNB: &outlet{Socket: back.Shell},
	}
}

// run passes messages on until the kernel is shut down, GoNB ends or ctx ends.
func (p *proxy) run(ctx context.Context) error {
	go p.pump(p.shell, p.toGoNB, p.shellRequest)
	go p.pump(p.control, &outlet{Socket: p.back.Control}, p.controlRequest)
	go p.pump(p.stdin, &outlet{Socket: p.back.Stdin}, nil)
	go p.pump(p.back.Shell, p.shell, p.shellReply)
	go p.pump(p.back.Control, p.control, p.controlReply)
	go p.pump(p.back.Stdin, p.stdin, nil)
	go p.pump(p.back.IOPub, p.iopub, p.published)
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
	case <-p.kernel.Ended():
		p.mu.Lock()
		request := p.shutdown
		p.mu.Unlock()
		if request == nil {
			return fmt.Errorf("%w\n%s", gonb.ErrEnded, p.kernel.Log())
		}
		time.Sleep(delivery) // GoNB's own answer may be on its way
		p.answerShutdown(request)
	}
	time.Sleep(delivery)
	return nil
}

// delivery is the time that the answer to a shutdown gets to leave this process.
const delivery = 200 * time.Millisecond

// pump passes messages from one socket to another, through the filter, which may be nil. It drops
// messages without a valid signature.
func (p *proxy) pump(from zmq4.Socket, to *outlet, inspect filter) {
	for {
		raw, err := from.Recv()
		if err != nil {
			return
		}
		m, ok := p.key.Parse(raw.Frames)
		if !ok {
			continue
		}
		if inspect != nil {
			pass, changed := inspect(&m, to)
			if !pass {
				continue
			}
			if changed {
				if raw, err = p.key.Frames(m); err != nil {
					continue
				}
			}
		}
		if to.send(raw) != nil && p.back.Life.Err() != nil {
			return
		}
	}
}

// answer sends a new message with m as its parent.
func (p *proxy) answer(to *outlet, m *gonb.Message, kind string, content map[string]any) {
	identities := m.Identities
	if to == p.iopub {
		identities = [][]byte{[]byte("kernel." + kind)}
	}
	raw, err := p.key.Frames(gonb.Message{
		Identities: identities, Header: gonb.NewHeader(m.Header.Session, kind), Parent: m.Header, Content: content,
	})
	if err == nil {
		_ = to.send(raw)
	}
}

// setStatus publishes the state "busy" or "idle" for a request.
func (p *proxy) setStatus(request *gonb.Message, state string) {
	p.answer(p.iopub, request, "status", map[string]any{"execution_state": state})
}

// published restores the user's own text in a cell's echo, and adds the output of the cell's
// magics.
func (p *proxy) published(m *gonb.Message, _ *outlet) (pass, changed bool) {
	c := p.track(m)
	if p.living != nil {
		return !p.living.takes(m), true
	}
	changed = renumber(m.Content)
	if c == nil || m.Header.Type != "execute_input" {
		return true, changed
	}
	m.Content["code"] = c.code
	raw, err := p.key.Frames(*m)
	if err != nil {
		return true, false
	}
	_ = p.iopub.send(raw)
	request := &gonb.Message{Header: m.Parent}
	for _, out := range c.out.messages {
		p.answer(p.iopub, request, out.kind, out.content)
	}
	if c.failure != nil {
		p.answer(p.iopub, request, "error", errorContent(c.failure))
	}
	return false, false
}

// track records from a published message which request GoNB runs. It returns the message's cell if
// that has magics.
func (p *proxy) track(m *gonb.Message) *cell {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cells[m.Parent.ID]
	if m.Header.Type != "status" || m.Parent.Type != "execute_request" {
		return c
	}
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
	return c
}

// forget drops a cell that has ended. The caller holds the lock.
func (p *proxy) forget(request string, c *cell) {
	if c.replied && c.idle {
		delete(p.cells, request)
	}
}

// renumber lowers the execution count by one, since the user has not seen the cell that prepared
// the kernel.
func renumber(content map[string]any) (changed bool) {
	count, ok := content["execution_count"].(float64)
	if ok && count > 0 {
		content["execution_count"] = int(count) - 1
	}
	return ok && count > 0
}

// shellReply describes this kernel, and marks a cell as failed if a magic of it has failed.
func (p *proxy) shellReply(m *gonb.Message, _ *outlet) (pass, changed bool) {
	switch m.Header.Type {
	case "kernel_info_reply":
		p.describe(m.Content)
		return true, true
	case "execute_reply":
		if p.living != nil {
			return !p.living.takes(m), true
		}
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

// describe completes GoNB's description of itself. Without a lexer, notebooks are shown and
// exported without colours.
func (p *proxy) describe(content map[string]any) {
	content["implementation"], content["implementation_version"] = "eqflow", p.launch.Version
	content["banner"] = "eqflow " + p.launch.Version + ": equivariant Boltzmann generators in Go, through GoNB " +
		p.launch.Tools.Version + ". %eqflow help lists the magics."
	language, _ := content["language_info"].(map[string]any)
	if language == nil {
		language = map[string]any{}
	}
	language["name"], language["mimetype"], language["file_extension"] = "go", "text/x-go", ".go"
	language["pygments_lexer"], language["codemirror_mode"] = "go", "go"
	content["language_info"] = language
	content["status"] = "ok"
}
