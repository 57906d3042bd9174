package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// interruptEvery repeats an interrupt, since a cell that still compiles has no program to take it. A program gets the
// first one only.
const interruptEvery = 200 * time.Millisecond

// answerAfter is how long a question waits for its answer: GoNB notes whom to hand an answer to after it has asked, and
// loses one that is quicker.
const answerAfter = 100 * time.Millisecond

// Session is a running GoNB kernel of our own.
type Session struct {
	*engine
	*channels
	id                        string
	published, replies, asked chan message
	sendMu                    sync.Mutex
}

// StartSession starts GoNB in a folder, with further environment variables, and waits until it answers.
func StartSession(ctx context.Context, tools Toolchain, folder string, env []string) (*Session, error) {
	e, err := startEngine(engineOptions{
		Tools: tools, Folder: folder, Env: env, Key: signer(randomToken()), Name: "connection.json", Args: []string{"-raw_error"},
	})
	if err != nil {
		return nil, err
	}
	s, err := e.session(ctx)
	if err != nil {
		defer e.close()
		return nil, fmt.Errorf("%w\n%s", err, e.log())
	}
	return s, nil
}

// session connects to an engine and waits until it answers.
func (e *engine) session(ctx context.Context) (*Session, error) {
	s := &Session{engine: e, id: randomToken(), published: make(chan message, 1024), replies: make(chan message, 16), asked: make(chan message, 16)}
	var err error
	if s.channels, err = e.dial(s.id); err != nil {
		return nil, err
	}
	go s.receive(s.iopub, s.published)
	go s.receive(s.shell, s.replies)
	go s.receive(s.stdin, s.asked)
	request, err := s.send(s.shell, "kernel_info_request", map[string]any{})
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, startTimeout)
		defer cancel()
		_, err = s.reply(ctx, request)
	}
	if err != nil {
		s.channels.close()
		return nil, err
	}
	return s, nil
}

// receive hands the socket's messages over until it closes.
func (s *Session) receive(socket zmq4.Socket, to chan<- message) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		m, ok := s.key.parse(raw.Frames)
		if !ok {
			continue
		}
		select {
		case to <- m:
		case <-s.life.Done():
			return
		}
	}
}

func (s *Session) send(socket zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	h := newHeader(s.id, kind)
	raw, err := s.key.frames(message{Header: h, Content: content})
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

// errDied says that GoNB ended by itself.
var errDied = errors.New("kernel: GoNB ended")

// reply waits for the answer to a request.
func (s *Session) reply(ctx context.Context, id string) (message, error) {
	for {
		select {
		case m := <-s.replies:
			if m.Parent.ID == id {
				return m, nil
			}
		case <-s.process.done:
			return message{}, errDied
		case <-ctx.Done():
			return message{}, fmt.Errorf("kernel: GoNB gave no answer: %w; its log follows", ctx.Err())
		}
	}
}

// execute runs code and hands over everything that is published for it, until the kernel is idle again. When ctx ends,
// the cell is interrupted; a cell that does not end within grace then is left to Close.
func (s *Session) execute(ctx context.Context, code string, grace time.Duration, publish func(message)) (count int, err error) {
	id, err := s.send(s.shell, "execute_request", map[string]any{
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
		case <-s.process.done:
			return 0, fmt.Errorf("%w in the middle of a cell\n%s", errDied, s.log())
		case <-s.asked: // nobody is there to type: an empty line
			time.Sleep(answerAfter)
			_, err = s.send(s.stdin, "input_reply", map[string]any{"value": ""})
		case <-done:
			done, again, giveUp = nil, time.Tick(interruptEvery), time.After(grace)
			_, err = s.send(s.control, "interrupt_request", map[string]any{})
		case <-again:
			_, err = s.send(s.control, "interrupt_request", map[string]any{})
		case <-giveUp:
			return 0, fmt.Errorf("kernel: the cell went on for %s after the interrupt: %w", grace, ctx.Err())
		}
		if err != nil {
			return 0, err
		}
	}
}

// drain hands over what comes after the idle status: GoNB reads displays from a pipe of their own, which may lag.
func (s *Session) drain(id string, publish func(message)) {
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
	m, err := s.reply(wait, id)
	if err != nil {
		return 0, err
	}
	n, _ := m.Content["execution_count"].(float64)
	return int(n), nil
}

// Close ends GoNB, its cell and everything that they started, and removes the session's folder.
func (s *Session) Close() {
	s.channels.close()
	s.engine.close()
}
