package kernel

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// startTimeout is how long GoNB gets to answer its first request.
const startTimeout = 30 * time.Second

// interruptEvery repeats an interrupt, since a cell that still compiles has no program to take it. A program gets the
// first one only.
const interruptEvery = 200 * time.Millisecond

// fastLinking is GOFLAGS for cells: no stamp of the version control, no symbol table, Go's own linker, which halves the
// time from a cell's start to its first line.
const fastLinking = `-buildvcs=false "-ldflags=-linkmode=internal -s -w"`

// Session is a running GoNB kernel of our own.
type Session struct {
	dir     string // private: sockets, connection file, log, temporary files
	process *process
	key     []byte
	id      string

	shell, control, stdin, iopub zmq4.Socket
	published, replies, asked    chan message
	life                         context.Context
	stop                         context.CancelFunc
	sendMu                       sync.Mutex
}

// message is a Jupyter message without its identities.
type message struct {
	Header  header
	Parent  header
	Content map[string]any
}

type header struct {
	ID       string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	Type     string `json:"msg_type"`
	Version  string `json:"version"`
}

// StartSession starts GoNB in a folder, with further environment variables, and waits until it answers.
func StartSession(ctx context.Context, tools Toolchain, folder string, env []string) (*Session, error) {
	dir, err := os.MkdirTemp("", "eqflow-gonb-")
	if err != nil {
		return nil, fmt.Errorf("kernel: no temporary folder: %w; set TMPDIR to one that can be written", err)
	}
	s := &Session{dir: dir, key: []byte(token()), id: token(),
		published: make(chan message, 1024), replies: make(chan message, 16), asked: make(chan message, 16)}
	if err := s.launch(tools, folder, env); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := s.connect(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("%w\n%s", err, s.log())
	}
	return s, nil
}

func token() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func (s *Session) launch(tools Toolchain, folder string, env []string) error {
	// gonb joins address and port with a dash for ipc.
	connection := map[string]any{
		"transport": "ipc", "ip": filepath.Join(s.dir, "s"), "key": string(s.key), "signature_scheme": "hmac-sha256",
		"shell_port": 1, "iopub_port": 2, "stdin_port": 3, "control_port": 4, "hb_port": 5, "kernel_name": "gonb",
	}
	text, err := json.Marshal(connection)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "connection.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("kernel: cannot write the connection file: %w", err)
	}
	log, err := os.Create(filepath.Join(s.dir, "gonb.log"))
	if err != nil {
		return fmt.Errorf("kernel: cannot write GoNB's log: %w", err)
	}
	defer log.Close()
	environment := append(os.Environ(), "PATH="+tools.Dir+string(os.PathListSeparator)+os.Getenv("PATH"),
		"TMPDIR="+s.dir, "GOFLAGS="+goFlags(), "GOMLX_NO_AUTO_INSTALL=1", "GONB_DIR="+folder)
	s.process, err = startProcess(filepath.Join(tools.Dir, "gonb"), []string{"--kernel", file, "-raw_error"}, folder, append(environment, env...), log)
	return err
}

// goFlags adds fast linking to the user's own flags, where it is known to work and they do not choose otherwise.
func goFlags() string {
	flags := os.Getenv("GOFLAGS")
	if runtime.GOOS != "linux" || strings.Contains(flags, "-ldflags") {
		return flags
	}
	return strings.TrimSpace(flags + " " + fastLinking)
}

func (s *Session) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "gonb.log"))
	return strings.TrimSpace(string(text))
}

// connect opens the sockets and asks for the kernel's info until it answers.
func (s *Session) connect(ctx context.Context) error {
	life, stop := context.WithCancel(context.Background())
	s.life, s.stop = life, stop
	// GoNB addresses replies and questions to the identity that sent the cell, whatever the socket.
	id := zmq4.WithID(zmq4.SocketIdentity(s.id))
	retry := zmq4.WithDialerRetry(100 * time.Millisecond)
	attempts := zmq4.WithDialerMaxRetries(int(startTimeout / (100 * time.Millisecond)))
	s.shell, s.control = zmq4.NewDealer(life, id, retry, attempts), zmq4.NewDealer(life, id, retry, attempts)
	s.stdin, s.iopub = zmq4.NewDealer(life, id, retry, attempts), zmq4.NewSub(life, retry, attempts)
	for port, socket := range map[int]zmq4.Socket{1: s.shell, 2: s.iopub, 3: s.stdin, 4: s.control} {
		if err := socket.Dial(fmt.Sprintf("ipc://%s-%d", filepath.Join(s.dir, "s"), port)); err != nil {
			return fmt.Errorf("kernel: GoNB does not listen: %w; its log follows", err)
		}
	}
	if err := s.iopub.SetOption(zmq4.OptionSubscribe, ""); err != nil {
		return fmt.Errorf("kernel: cannot listen to GoNB: %w; its log follows", err)
	}
	go s.receive(s.iopub, s.published)
	go s.receive(s.shell, s.replies)
	go s.receive(s.stdin, s.asked)
	request, err := s.send(s.shell, "kernel_info_request", map[string]any{})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	_, err = s.reply(ctx, request)
	return err
}

// receive hands the socket's messages over until it closes.
func (s *Session) receive(socket zmq4.Socket, to chan<- message) {
	for {
		raw, err := socket.Recv()
		if err != nil {
			return
		}
		m, ok := s.parse(raw.Frames)
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

var delimiter = []byte("<IDS|MSG>")

func (s *Session) parse(frames [][]byte) (message, bool) {
	for i, f := range frames {
		if !bytes.Equal(f, delimiter) || len(frames) < i+6 {
			continue
		}
		var m message
		err := errors.Join(json.Unmarshal(frames[i+2], &m.Header), json.Unmarshal(frames[i+3], &m.Parent), json.Unmarshal(frames[i+5], &m.Content))
		return m, err == nil && string(frames[i+1]) == s.sign(frames[i+2:i+6])
	}
	return message{}, false
}

func (s *Session) sign(parts [][]byte) string {
	mac := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *Session) send(socket zmq4.Socket, kind string, content map[string]any) (id string, err error) {
	h := header{ID: token(), Session: s.id, Username: "eqflow", Date: time.Now().UTC().Format(time.RFC3339Nano), Type: kind, Version: "5.3"}
	head, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(content)
	if err != nil {
		return "", err
	}
	parts := [][]byte{head, []byte("{}"), []byte("{}"), body}
	frames := append([][]byte{delimiter, []byte(s.sign(parts))}, parts...)
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	if err := socket.SendMulti(zmq4.NewMsgFrom(frames...)); err != nil {
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
	if s.stop != nil {
		s.stop()
	}
	s.process.kill()
	for _, socket := range []zmq4.Socket{s.shell, s.control, s.stdin, s.iopub} {
		if socket != nil {
			_ = socket.Close()
		}
	}
	_ = os.RemoveAll(s.dir)
}
