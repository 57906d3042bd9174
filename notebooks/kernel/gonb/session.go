package gonb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// InterruptEvery repeats an interrupt, since a cell that still compiles has no program to take it. A program gets the
// first one only.
const InterruptEvery = 200 * time.Millisecond

// answerAfter is how long a question waits for its answer: GoNB notes whom to hand an answer to after it has asked, and
// loses one that is quicker.
const answerAfter = 100 * time.Millisecond

// Grace is how long an interrupted cell gets to end.
const Grace = 10 * time.Second

// Session is a running GoNB kernel of our own.
type Session struct {
	*Channels
	engine                    *Engine
	id                        string
	published, replies, asked chan Message
	sendMu                    sync.Mutex
}

// StartSession starts GoNB in a folder, with further environment variables, and waits until it answers.
func StartSession(ctx context.Context, tools Toolchain, folder string, env []string) (*Session, error) {
	e, err := NewEngine()
	if err != nil {
		return nil, err
	}
	err = e.Start(Options{Tools: tools, Folder: folder, Env: env, Key: Signer(RandomToken()), Name: "connection.json", Args: []string{"-raw_error"}})
	if err != nil {
		e.Close()
		return nil, err
	}
	s, err := e.Session(ctx)
	if err != nil {
		defer e.Close()
		return nil, fmt.Errorf("%w\n%s", err, e.Log())
	}
	return s, nil
}

// Connect talks to a kernel that somebody else started, on the sockets of a folder.
func Connect(ctx context.Context, dir string, key Signer) (*Session, error) {
	e := &Engine{dir: dir, key: key, process: &process{done: make(chan struct{})}}
	return e.Session(ctx)
}

// Session connects to an engine and waits until it answers.
func (e *Engine) Session(ctx context.Context) (*Session, error) {
	s := &Session{engine: e, id: RandomToken(), published: make(chan Message, 1024), replies: make(chan Message, 16), asked: make(chan Message, 16)}
	var err error
	if s.Channels, err = e.Dial(s.id); err != nil {
		return nil, err
	}
	go s.receive(s.IOPub, s.published)
	go s.receive(s.Shell, s.replies)
	go s.receive(s.Stdin, s.asked)
	request, err := s.Send(s.Shell, "kernel_info_request", map[string]any{})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		_, err = s.Reply(ctx, request)
	}
	if err != nil {
		s.Channels.Close()
		return nil, err
	}
	return s, nil
}

// receive hands the socket's messages over until it closes.
func (s *Session) receive(socket zmq4.Socket, to chan<- Message) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		m, ok := s.engine.key.Parse(raw.Frames)
		if !ok {
			continue
		}
		select {
		case to <- m:
		case <-s.Life.Done():
			return
		}
	}
}

// Send sends a request on a socket and returns its id.
func (s *Session) Send(socket zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	h := NewHeader(s.id, kind)
	raw, err := s.engine.key.Frames(Message{Header: h, Content: content})
	if err != nil {
		return "", err
	}
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if err := socket.SendMulti(raw); err != nil {
		return "", fmt.Errorf("kernel: GoNB does not take a %s: %w", kind, err)
	}
	return h.ID, nil
}

// ErrEnded says that GoNB ended by itself.
var ErrEnded = errors.New("kernel: GoNB ended")

// Reply waits for the answer to a request.
func (s *Session) Reply(ctx context.Context, id string) (Message, error) {
	for {
		select {
		case m := <-s.replies:
			if m.Parent.ID == id {
				return m, nil
			}
		case <-s.engine.Ended():
			return Message{}, ErrEnded
		case <-ctx.Done():
			return Message{}, fmt.Errorf("kernel: GoNB gave no answer: %w; its log follows", ctx.Err())
		}
	}
}

// Execute runs code and hands over everything that is published for it, until the kernel is idle again. When ctx ends,
// the cell is interrupted; a cell that does not end within grace then is left to Close.
func (s *Session) Execute(ctx context.Context, code string, grace time.Duration, publish func(Message)) (count int, err error) {
	id, err := s.Send(s.Shell, "execute_request", map[string]any{
		"code": code, "silent": false, "store_history": true, "user_expressions": map[string]any{}, "allow_stdin": false, "stop_on_error": true,
	})
	if err != nil {
		return 0, err
	}
	done := ctx.Done()
	var again, giveUp <-chan time.Time
	for {
		select {
		case m := <-s.published:
			if m.Parent.ID != id {
				continue
			}
			if m.Header.Type == "status" && m.Content["execution_state"] == "idle" {
				s.drain(id, publish)
				return s.finished(ctx, id, grace)
			}
			publish(m)
		case <-s.engine.Ended():
			return 0, fmt.Errorf("%w in the middle of a cell\n%s", ErrEnded, s.engine.Log())
		case <-s.asked: // nobody is there to type: an empty line
			time.Sleep(answerAfter)
			_, err = s.Send(s.Stdin, "input_reply", map[string]any{"value": ""})
		case <-done:
			done, again, giveUp = nil, time.Tick(InterruptEvery), time.After(grace)
			_, err = s.Send(s.Control, "interrupt_request", map[string]any{})
		case <-again:
			_, err = s.Send(s.Control, "interrupt_request", map[string]any{})
		case <-giveUp:
			return 0, fmt.Errorf("kernel: the cell went on for %s after the interrupt: %w", grace, ctx.Err())
		}
		if err != nil {
			return 0, err
		}
	}
}

// drain hands over what comes after the idle status: GoNB reads displays from a pipe of their own, which may lag.
func (s *Session) drain(id string, publish func(Message)) {
	const quiet = 30 * time.Millisecond
	for {
		select {
		case m := <-s.published:
			if m.Parent.ID == id && m.Header.Type != "status" {
				publish(m)
			}
		case <-time.After(quiet):
			return
		}
	}
}

// finished reads the cell's reply, which follows the idle status closely.
func (s *Session) finished(ctx context.Context, id string, grace time.Duration) (count int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("kernel: interrupted: %w", err)
	}
	wait, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	m, err := s.Reply(wait, id)
	if err != nil {
		return 0, err
	}
	n, _ := m.Content["execution_count"].(float64)
	return int(n), nil
}

// Close ends GoNB, its cell and everything that they started, and removes the session's folder.
func (s *Session) Close() {
	s.Channels.Close()
	s.engine.Close()
}
