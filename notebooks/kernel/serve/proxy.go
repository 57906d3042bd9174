package serve

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
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
	toGoNB outlet
	comms  comms

	mu       sync.Mutex
	cells    map[string]*cell         // with magics, by the id of their request
	pending  map[string]*gonb.Message // execution requests without a reply, by their id
	count    int                      // the number of the last cell that began
	running  string                   // the id of the request that GoNB runs, or ""
	refused  int                      // number of cells that a broken kernel has refused
	unheard  int                      // interrupts that GoNB has not answered
	shutdown *gonb.Message            // the request to shut down, or nil
}

// cell is an execution request whose magics were extracted.
type cell struct {
	code          string // as the user wrote it
	out           *Output
	failure       error
	replied, idle bool // the two signs of its end, on sockets that do not wait for each other
}

// requestFilter inspects a message of a front end and may change it. pass reports whether the proxy
// passes the message on. to is the socket that it goes to.
type requestFilter func(m *gonb.Message, to outlet) (pass bool)

// replyFilter inspects a message of GoNB likewise. changed reports whether the message must be
// signed again.
type replyFilter func(m *gonb.Message) (pass, changed bool)

func newProxy(f *front, back *gonb.Channels, kernel *gonb.Kernel, l Launch) *proxy {
	return &proxy{
		front: f, back: back, kernel: kernel, launch: l,
		ended: make(chan struct{}), cells: map[string]*cell{}, pending: map[string]*gonb.Message{},
	}
}

// run passes messages on until the kernel is shut down, GoNB ends or ctx ends.
func (p *proxy) run(ctx context.Context) error {
	shell, control := p.toGoNB, &private{Socket: p.back.Control} // living cells send too
	stdin := &private{Socket: p.back.Stdin}
	go p.forward(p.shell, shell, gonb.Requests, p.shellRequest)
	go p.forward(p.control, control, gonb.Requests, p.controlRequest)
	go p.forward(p.stdin, stdin, gonb.Inputs, p.inputReply)
	go p.backward(shell, p.shell, p.shellReply)
	go p.backward(control, p.control, p.controlReply)
	go p.backward(stdin, p.stdin, nil)
	go p.backward(&private{Socket: p.back.IOPub}, p.iopub, p.published)
	select {
	case <-ctx.Done():
		return nil
	case <-p.ended:
	case <-p.kernel.Ended():
		p.mu.Lock()
		request := p.shutdown
		p.mu.Unlock()
		if request == nil {
			reason := p.kernel.Cause()
			p.failPending(reason)
			time.Sleep(delivery)
			return reason
		}
		time.Sleep(delivery) // GoNB's own answer may be on its way
		p.answerShutdown(request)
	}
	time.Sleep(delivery)
	return nil
}

// delivery is the time that the answer to a shutdown gets to leave this process.
const delivery = 200 * time.Millisecond

// forward passes the messages of front ends to GoNB, through the filter, which may be nil. The
// socket has admitted them. Each is checked against the table and written anew, so that GoNB reads
// exactly what was checked.
func (p *proxy) forward(from, to outlet, table map[string][]gonb.Field, inspect requestFilter) {
	for {
		frames, err := from.Recv()
		if err != nil {
			return
		}
		m, err := p.key.Decode(frames)
		known := errors.Is(err, gonb.ErrContent)
		if err == nil {
			known, err = gonb.Complete(table, &m)
		}
		switch {
		case !known && err != nil:
			p.group.Refuse("dropped a message " + err.Error())
			continue
		case !known:
			p.group.Refuse("dropped a message of a type that a front end does not send to its socket")
			continue
		case err != nil:
			p.refuseMalformed(from, &m, err)
			continue
		}
		p.recall.meet(m.Header.Session)
		if inspect != nil && !inspect(&m, to) {
			continue
		}
		if p.write(to, m) != nil && p.back.Life.Err() != nil {
			return
		}
	}
}

// write signs and sends a message.
func (p *proxy) write(to outlet, m gonb.Message) error {
	raw, err := p.key.Frames(m)
	if err != nil {
		return err
	}
	if to == p.iopub {
		return p.publish(m.Parent.Session, raw.Frames)
	}
	return to.Send(raw.Frames)
}

// backward passes the messages of GoNB to front ends, through the filter, which may be nil. It
// drops messages without a valid signature.
func (p *proxy) backward(from, to outlet, inspect replyFilter) {
	for {
		frames, err := from.Recv()
		if err != nil {
			return
		}
		m, ok := p.key.Parse(frames)
		if !ok {
			continue
		}
		m.Header.Session = p.session // GoNB names that of the request
		if inspect != nil {
			pass, changed := inspect(&m)
			if !pass {
				continue
			}
			if changed {
				raw, err := p.key.Frames(m)
				if err != nil {
					continue
				}
				frames = raw.Frames
			}
		}
		if frames, err = p.key.Renew(frames, m.Header); err != nil { // keeps the content as GoNB wrote it
			continue
		}
		p.admission.published(&m, frames)
		if to == p.iopub {
			err = p.publish(m.Parent.Session, frames)
		} else {
			err = to.Send(frames)
		}
		if err != nil && p.back.Life.Err() != nil {
			return
		}
	}
}

// answer sends a new message with m as its parent.
func (p *proxy) answer(to outlet, m *gonb.Message, kind string, content map[string]any) {
	identities := m.Identities
	if to == p.iopub {
		identities = [][]byte{[]byte("kernel." + kind)}
	}
	_ = p.write(to, gonb.Message{
		Identities: identities, Header: gonb.NewHeader(p.session, kind), Parent: m.Header, Content: content,
	})
	if to == p.iopub && p.living != nil {
		p.living.record(m.Header.ID, kind, content)
	}
}

// setStatus publishes the state "busy" or "idle" for a request.
func (p *proxy) setStatus(request *gonb.Message, state string) {
	p.answer(p.iopub, request, "status", map[string]any{"execution_state": state})
}

// published restores the user's own text in a cell's echo, and adds the output of the cell's
// magics.
func (p *proxy) published(m *gonb.Message) (pass, changed bool) {
	if p.living != nil {
		p.track(m)
		taken, changed := p.living.takes(m)
		if !taken {
			p.living.record(m.Parent.ID, m.Header.Type, m.Content)
		}
		return !taken, changed
	}
	changed = renumber(m.Content)
	c := p.track(m)
	if c == nil || m.Header.Type != "execute_input" {
		return true, changed
	}
	m.Content["code"] = c.code
	if p.write(p.iopub, *m) != nil {
		return true, false
	}
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
	if count, ok := m.Content["execution_count"].(int); ok && m.Header.Type == "execute_input" {
		p.count = count
	}
	if m.Header.Type != "status" || m.Parent.Type != "execute_request" {
		return c
	}
	switch m.Content["execution_state"] {
	case "busy":
		p.running = m.Parent.ID
		p.kernel.CellBegins()
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
func (p *proxy) shellReply(m *gonb.Message) (pass, changed bool) {
	switch m.Header.Type {
	case "interrupt_reply":
		p.countInterrupt(-1)
		return false, false // the control socket has the answer
	case "shutdown_reply":
		return false, false // which belongs to the control socket, and is answered there
	case "execute_reply":
		if p.living != nil {
			taken, changed := p.living.takes(m)
			return !taken, changed
		}
		p.mu.Lock()
		delete(p.pending, m.Parent.ID)
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
	content["language_info"] = ipynb.LanguageInfo()
	content["status"] = "ok"
}
