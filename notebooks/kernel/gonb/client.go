package gonb

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// InterruptEvery is the interval at which an interrupt is repeated. A cell that still compiles has
// no program to interrupt, and a program receives only the first interrupt.
const InterruptEvery = 200 * time.Millisecond

// Grace is the time in which an interrupted cell must end.
const Grace = 10 * time.Second

// answerDelay is the time between a question of a cell and its answer. GoNB records who receives
// the answer only after it has asked, and loses an answer that arrives earlier.
const answerDelay = 100 * time.Millisecond

// Client talks to a kernel as a Jupyter front end does.
type Client struct {
	*Channels
	// Type answers a cell's question for input. If it is nil, nobody can type.
	Type                         func(prompt string) (line string)
	kernel                       *Kernel
	id                           string
	published, replies, requests chan Message // requests are the kernel's own: for input
	sendMu                       sync.Mutex
}

// Open starts GoNB in a folder, with further environment variables, and waits until it answers.
// Close ends it.
func Open(ctx context.Context, tools Toolchain, folder string, env []string) (*Client, error) {
	k, err := NewKernel()
	if err != nil {
		return nil, err
	}
	c, err := k.open(ctx, Options{Tools: tools, Folder: folder, Env: env})
	if err != nil {
		k.Close()
	}
	return c, err
}

// open starts the kernel for this client alone and waits until it answers.
func (k *Kernel) open(ctx context.Context, o Options) (*Client, error) {
	o.Key, o.Name, o.Args = Signer(RandomToken()), "connection.json", []string{"-raw_error"}
	if err := k.Start(o); err != nil {
		return nil, err
	}
	return k.Connect(ctx)
}

// Connect connects to a kernel that another process started, by the sockets in a folder and its
// key.
func Connect(ctx context.Context, dir string, key Signer) (*Client, error) {
	k := &Kernel{dir: dir, key: key}
	return k.Connect(ctx)
}

// Connect connects to the kernel and waits until it answers.
func (k *Kernel) Connect(ctx context.Context) (*Client, error) {
	c := &Client{
		kernel: k, id: RandomToken(),
		published: make(chan Message, 1024), replies: make(chan Message, 16), requests: make(chan Message, 16),
	}
	var err error
	if c.Channels, err = k.Dial(c.id); err != nil {
		return nil, err
	}
	go c.receive(c.IOPub, c.published)
	go c.receive(c.Shell, c.replies)
	go c.receive(c.Stdin, c.requests)
	request, err := c.Send(c.Shell, "kernel_info_request", map[string]any{})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, startLimit)
		defer cancel()
		_, err = c.Reply(ctx, request)
	}
	if err != nil {
		c.Channels.Close()
		return nil, err
	}
	return c, nil
}

// Dir returns the kernel's private folder.
func (c *Client) Dir() string { return c.kernel.dir }

// receive passes on the socket's messages until the socket closes.
func (c *Client) receive(socket zmq4.Socket, to chan<- Message) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		m, ok := c.kernel.key.Parse(raw.Frames)
		if !ok {
			continue
		}
		select {
		case to <- m:
		case <-c.Life.Done():
			return
		}
	}
}

// Send sends a request on a socket and returns the request's id.
func (c *Client) Send(socket zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	h := NewHeader(c.id, kind)
	raw, err := c.kernel.key.Frames(Message{Header: h, Content: content})
	if err != nil {
		return "", err
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	if err := socket.SendMulti(raw); err != nil {
		return "", fmt.Errorf("kernel: GoNB does not accept a %s: %w", kind, err)
	}
	return h.ID, nil
}

// Reply waits for the reply to a request on the shell socket.
func (c *Client) Reply(ctx context.Context, id string) (Message, error) {
	for {
		select {
		case m := <-c.replies:
			if m.Parent.ID == id {
				return m, nil
			}
		case <-c.kernel.Ended():
			return Message{}, c.kernel.Cause()
		case <-ctx.Done():
			return Message{}, c.kernel.silent(ctx.Err())
		}
	}
}

// Execute runs a cell and passes on everything that the cell publishes, until the kernel is idle
// again. When ctx ends, the cell is interrupted. A cell that does not end within Grace after that
// runs on until Close.
func (c *Client) Execute(ctx context.Context, code string, publish func(Message)) (count int, err error) {
	c.kernel.CellBegins()
	id, err := c.Send(c.Shell, "execute_request", map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{},
		"allow_stdin": c.Type != nil, "stop_on_error": true,
	})
	if err != nil {
		return 0, err
	}
	done := ctx.Done()
	var again, giveUp <-chan time.Time
	for {
		select {
		case m := <-c.published:
			if m.Parent.ID != id {
				continue
			}
			if m.Header.Type == "status" && m.Content["execution_state"] == "idle" {
				c.drain(id, publish)
				return c.count(ctx, id)
			}
			publish(m)
		case <-c.kernel.Ended():
			return 0, c.kernel.Cause()
		case question := <-c.requests:
			line := "" // if nobody can type
			if c.Type != nil {
				prompt, _ := question.Content["prompt"].(string)
				line = c.Type(prompt)
			}
			time.Sleep(answerDelay)
			_, err = c.Send(c.Stdin, "input_reply", map[string]any{"value": line})
		case <-done:
			c.kernel.CellInterrupted()
			done, again, giveUp = nil, time.Tick(InterruptEvery), time.After(Grace)
			_, err = c.Send(c.Control, "interrupt_request", map[string]any{})
		case <-again:
			_, err = c.Send(c.Control, "interrupt_request", map[string]any{})
		case <-giveUp:
			return 0, fmt.Errorf("kernel: the cell continued for %s after the interrupt: %w", Grace, ctx.Err())
		}
		if err != nil {
			return 0, err
		}
	}
}

// drain passes on the messages after the idle status. GoNB reads displays from a separate pipe,
// which may lag.
func (c *Client) drain(id string, publish func(Message)) {
	const quiet = 30 * time.Millisecond
	for {
		select {
		case m := <-c.published:
			if m.Parent.ID == id && m.Header.Type != "status" {
				publish(m)
			}
		case <-time.After(quiet):
			return
		}
	}
}

// count reads the execution count from the cell's reply, which follows the idle status closely.
func (c *Client) count(ctx context.Context, id string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("kernel: interrupted: %w", err)
	}
	wait, cancel := context.WithTimeout(context.Background(), Grace)
	defer cancel()
	m, err := c.Reply(wait, id)
	if err != nil {
		return 0, err
	}
	n, _ := m.Content["execution_count"].(float64)
	return int(n), nil
}

// Close ends GoNB, its cell and everything that they started, and removes the kernel's folder.
func (c *Client) Close() {
	c.Channels.Close()
	c.kernel.Close()
}
