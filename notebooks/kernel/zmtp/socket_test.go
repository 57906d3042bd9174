//go:build unix

package zmtp

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zeromq/zmq4"
)

// The sockets understand the clients of another implementation, at ports and at unix sockets.
func TestOtherImplementations(t *testing.T) {
	router, _ := listening(t, Router)
	go echoAll(router)
	ask(t, router)
	echo, _ := listening(t, Echo)
	req := zmq4.NewReq(context.Background())
	defer req.Close()
	if err := req.Dial("tcp://" + echo.Addr().String()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"ping", ""} {
		if err := req.Send(zmq4.NewMsgString(text)); err != nil {
			t.Fatal(err)
		}
		if m, err := req.Recv(); err != nil || string(m.Bytes()) != text {
			t.Errorf("the echo of %q is %v, %v", text, m, err)
		}
	}
}

// A unix socket is open to its owner alone, and disappears when it is closed.
func TestUnixSocketIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	before := syscall.Umask(0)
	s, err := NewGroup(func(string) {}).Listen(Publisher, "unix", path, nil)
	syscall.Umask(before)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	sub := zmq4.NewSub(context.Background())
	defer sub.Close()
	if err := sub.Dial("ipc://" + path); err != nil {
		t.Fatal(err)
	}
	if err := sub.SetOption(zmq4.OptionSubscribe, "news"); err != nil {
		t.Fatal(err)
	}
	await(t, "the subscription has arrived", func() bool { return len(s.receivers("news.1")) == 1 })
	for _, topic := range []string{"olds", "news.1"} {
		if err := s.Send([][]byte{[]byte(topic), []byte("text")}); err != nil {
			t.Fatal(err)
		}
	}
	if m, err := sub.Recv(); err != nil || string(m.Frames[0]) != "news.1" {
		t.Errorf("the subscriber receives %v, %v", m, err)
	}
	s.Close()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file stays: %v", err)
	}
}

// Silent connections, before and after their handshake, delay no other client.
func TestSilentConnectionsDelayNobody(t *testing.T) {
	s, _ := listening(t, Router)
	go echoAll(s)
	for i := range 50 {
		switch c := connect(t, s); i % 3 {
		case 1:
			c.put(t, greeting()[:20])
		case 2:
			c.put(t, greeting(), ready("DEALER", ""), []byte{flagMore})
		}
	}
	began := time.Now()
	ask(t, s)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a good client waits %s", took)
	}
}

// A handshake, and a message that has begun, must end in time. A complete handshake may be followed
// by silence.
func TestTimeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		ends time.Duration // 0 for never
	}{
		"nothing":            {nil, handshakeLimit},
		"half a greeting":    {greeting()[:32], handshakeLimit},
		"no READY":           {greeting(), handshakeLimit},
		"half a message":     {slices.Concat(greeting(), ready("DEALER", ""), []byte{flagMore, 3, 'a'}), strangerLimit},
		"an idle connection": {slices.Concat(greeting(), ready("DEALER", "")), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &Socket{group: NewGroup(func(string) {}), kind: Router, closed: make(chan struct{})}
			client, server := net.Pipe()
			began := time.Now()
			go func() { _, _ = client.Write(c.sent) }()
			go func() { // as a client that reads everything
				for _, err := client.Read(make([]byte, 100)); err == nil; {
					_, err = client.Read(make([]byte, 100))
				}
			}()
			p := newPeer(s, server)
			ended := make(chan struct{})
			go func() { p.attend(); close(ended) }()
			select {
			case <-ended:
				if took := time.Since(began); took != c.ends {
					t.Errorf("%s: ended after %s, not %s", name, took, c.ends)
				}
			case <-time.After(time.Hour):
				if c.ends != 0 {
					t.Errorf("%s: goes on", name)
				}
				client.Close()
				<-ended
			}
		})
	}
}

// Strangers who stay connected keep nobody out, and do not push out a client that has sent an
// authentic message, nor its other sockets.
func TestACrowdOfStrangers(t *testing.T) {
	s, reported := listening(t, Router)
	go echoAll(s)
	other, err := s.group.Listen(Router, "tcp", "127.0.0.1:0", admitPassword)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	good := handshaken(t, s, "DEALER", "me")
	good.put(t, encode([][]byte{[]byte("password"), []byte("1")}))
	if m, err := good.next(); err != nil || string(m.frames[1]) != "1" {
		t.Fatalf("received %v, %v", m, err)
	}
	silent := handshaken(t, other, "DEALER", "me")
	for range 3 * mostStrangers {
		handshaken(t, s, "DEALER", "")
		handshaken(t, other, "DEALER", "")
	}
	for _, socket := range []*Socket{s, other} {
		socket.group.mu.Lock()
		if n := len(socket.strangers()); n > mostStrangers {
			t.Errorf("there are %d strangers", n)
		}
		socket.group.mu.Unlock()
	}
	good.put(t, encode([][]byte{[]byte("password"), []byte("2")}))
	if m, err := good.next(); err != nil || string(m.frames[1]) != "2" {
		t.Errorf("after the crowd: %v, %v", m, err)
	}
	if err := other.Send([][]byte{[]byte("me"), []byte("question")}); err != nil {
		t.Fatal(err)
	}
	if m, err := silent.next(); err != nil || string(m.frames[0]) != "question" {
		t.Errorf("the client's silent socket receives %v, %v", m, err)
	}
	ask(t, s)
	if found := reported.with("room for others"); len(found) != 1 {
		t.Errorf("reported: %q", found)
	}
}

// Messages that are not admitted are dropped, and the connection stays.
func TestOnlyAdmittedMessagesArrive(t *testing.T) {
	s, reported := listening(t, Router)
	c := handshaken(t, s, "DEALER", "me")
	for range 5 {
		c.put(t, encode([][]byte{[]byte("guess")}), encode([][]byte{{}}))
	}
	c.put(t, encodeCommand("PING", []byte("\x00\x00context")), encode([][]byte{[]byte("password")}))
	if m, err := c.next(); err != nil || m.name != "PONG" || string(m.body) != "context" {
		t.Errorf("a PING is answered by %+v, %v", m, err)
	}
	frames, err := s.Recv()
	if err != nil || fmt.Sprintf("%q", frames) != `["me" "password"]` {
		t.Errorf("received %q, %v", frames, err)
	}
	if found := reported.with(errForged.Error()); len(found) != 1 {
		t.Errorf("reported: %q", found)
	}
	c.put(t, append(promise(0, 8<<20), make([]byte, 8<<20)...)) // not too much for a trusted peer
	c.put(t, encode([][]byte{[]byte("password"), make([]byte, 8<<20)}))
	if frames, err := s.Recv(); err != nil || len(frames[2]) != 8<<20 {
		t.Errorf("a large message: %d frames, %v", len(frames), err)
	}
}

// A connection that takes the identity of a client receives nothing of what is for that client, and
// does not lock the client out.
func TestAnIdentityCannotBeTaken(t *testing.T) {
	s, _ := listening(t, Router)
	go echoAll(s)
	thief := handshaken(t, s, "DEALER", "me")
	owner := handshaken(t, s, "DEALER", "me")
	later := handshaken(t, s, "DEALER", "me")
	owner.put(t, encode([][]byte{[]byte("password"), []byte("1")}))
	if m, err := owner.next(); err != nil || string(m.frames[1]) != "1" {
		t.Fatalf("the owner receives %v, %v", m, err)
	}
	for _, c := range []*raw{thief, later} {
		c.put(t, encodeCommand("PING", nil))
		if m, err := c.next(); err != nil || m.name != "PONG" {
			t.Errorf("another connection receives %v, %v", m, err)
		}
	}
	owner.Close()
	await(t, "the owner is gone", func() bool {
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		return len(s.peers) == 2
	})
	later.put(t, encode([][]byte{[]byte("password"), []byte("2")})) // the owner, connected again
	if m, err := later.next(); err != nil || string(m.frames[1]) != "2" {
		t.Errorf("the owner receives %v, %v", m, err)
	}
}

// A subscriber that does not read is closed. Sending never waits for it, and others miss nothing.
func TestASubscriberThatDoesNotRead(t *testing.T) {
	s, reported := listening(t, Publisher)
	subscribe := encode([][]byte{{1}})
	deaf, good := handshaken(t, s, "SUB", ""), handshaken(t, s, "SUB", "")
	deaf.put(t, subscribe)
	good.put(t, encodeCommand("SUBSCRIBE", nil)) // as version 3.1 does
	await(t, "both have subscribed", func() bool { return len(s.receivers("")) == 2 })
	const messages, size = 100, 1 << 20
	received := make(chan error, 1)
	go func() {
		for i := range messages {
			m, err := good.next()
			if err != nil || m.frames[0][0] != byte(i) {
				received <- fmt.Errorf("message %d: %w", i, err)
				return
			}
		}
		received <- nil
	}()
	for i := range messages {
		body := make([]byte, size)
		body[0] = byte(i)
		if err := s.Send([][]byte{body}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := <-received; err != nil {
		t.Error(err)
	}
	await(t, "the deaf subscriber is closed", func() bool { return len(s.receivers("")) == 1 })
	if found := reported.with("does not read"); len(found) != 1 {
		t.Errorf("reported: %q", found)
	}
	await(t, "the memory is released", func() bool {
		s.group.backlog.mu.Lock()
		defer s.group.backlog.mu.Unlock()
		return s.group.backlog.held == 0
	})
}

// A subscriber sends subscriptions only, and a bounded number of them.
func TestSubscriptionsAreBounded(t *testing.T) {
	s, _ := listening(t, Publisher)
	flood := []byte{}
	for i := range maxTopics + 1 {
		flood = append(flood, encode([][]byte{fmt.Append([]byte{1}, i)})...)
	}
	for name, bytes := range map[string][]byte{
		"a message": encode([][]byte{[]byte("text")}), "two frames": encode([][]byte{{1}, {1}}),
		"an empty message": encode([][]byte{{}}), "a flood": flood,
		"a topic of 1 MiB": append(promise(0, 1<<20), make([]byte, 1<<20)...),
	} {
		c := handshaken(t, s, "SUB", "")
		if c.put(t, bytes); !c.closed() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
}

// crowded is a listener whose first accepts fail for want of files.
type crowded struct {
	net.Listener
	failures int
}

func (c *crowded) Accept() (net.Conn, error) {
	if c.failures > 0 {
		c.failures--
		return nil, os.NewSyscallError("accept4", syscall.EMFILE)
	}
	return c.Listener.Accept()
}

// A socket accepts again after it has run out of files.
func TestAcceptGoesOnAfterTooManyOpenFiles(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reported := &lines{}
	s := NewGroup(reported.add).serve(Router, &crowded{listener, 3}, admitPassword)
	defer s.Close()
	go echoAll(s)
	ask(t, s)
	if found := reported.with("cannot accept"); len(found) != 1 {
		t.Errorf("reported: %q", found)
	}
}

// A small limit of open files leaves room for a kernel's other files.
func TestStrangersFor(t *testing.T) {
	for files, want := range map[uint64]int{0: 4, 64: 6, 1024: 102, 1 << 20: mostStrangers, 1<<64 - 1: mostStrangers} {
		if got := strangersFor(files); got != want {
			t.Errorf("%d files: %d strangers, not %d", files, got, want)
		}
	}
}
