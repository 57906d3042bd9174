//go:build unix

package zmtp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// patience is the time in which something must happen on a busy machine.
const patience = 20 * time.Second

// errForged is the error of the tests' admit.
var errForged = errors.New("without a password")

// admitPassword admits messages whose first frame is "password".
func admitPassword(frames [][]byte) error {
	if string(frames[0]) != "password" {
		return errForged
	}
	return nil
}

// lines collects what a group reports.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, line)
}

// with returns the lines that contain a text.
func (l *lines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// listening opens a socket at a free port of this machine.
func listening(t testing.TB, kind Kind) (*Socket, *lines) {
	t.Helper()
	reported := &lines{}
	s, err := NewGroup(reported.add).Listen(kind, "tcp", "127.0.0.1:0", admitPassword)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, reported
}

// echoAll sends every message of a Router back to its sender.
func echoAll(s *Socket) {
	for {
		frames, err := s.Recv()
		if err != nil {
			return
		}
		_ = s.Send(frames)
	}
}

// raw is a client that sends what a test wants.
type raw struct {
	net.Conn
	in *bufio.Reader
}

func connect(t testing.TB, s *Socket) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{conn, bufio.NewReader(conn)}
}

// ready is a READY command of a client.
func ready(kind, identity string) []byte {
	return encodeCommand("READY", property(property(nil, "Socket-Type", kind), "Identity", identity))
}

// handshaken is a client after its handshake.
func handshaken(t testing.TB, s *Socket, kind, identity string) *raw {
	t.Helper()
	c := connect(t, s)
	c.put(t, greeting(), ready(kind, identity))
	if err := readGreeting(c.in); err != nil {
		t.Fatal(err)
	}
	if m, err := c.next(); err != nil || m.name != "READY" {
		t.Fatalf("the server answers the handshake with %+v, %v", m, err)
	}
	return c
}

// put sends bytes. The server may have closed the connection.
func (c *raw) put(t testing.TB, all ...[]byte) {
	t.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, _ = c.Write(bytes.Join(all, nil))
}

func (c *raw) next() (message, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return readMessage(c.in, ofTrusted, func(int) error { return nil })
}

// closed reports whether the server closes the connection.
func (c *raw) closed() bool {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, err := c.in.WriteTo(discard{})
	var timeout net.Error
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// ask is a well-meaning client, of another implementation, that must be served.
func ask(t testing.TB, s *Socket) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	c := zmq4.NewDealer(ctx)
	defer c.Close()
	if err := c.Dial("tcp://" + s.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := c.SendMulti(zmq4.NewMsgFrom([]byte("password"), []byte("question"))); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Recv(); err != nil || len(m.Frames) != 2 || string(m.Frames[1]) != "question" {
		t.Fatalf("a good client receives %v, %v", m, err)
	}
}

// await waits until something holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
