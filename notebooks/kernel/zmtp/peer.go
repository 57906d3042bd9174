package zmtp

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// peer is a connection to a socket.
type peer struct {
	socket *Socket
	conn   net.Conn
	in     *bufio.Reader
	began  time.Time
	done   chan struct{} // closed when the peer is closed
	end    sync.Once

	// Under the mutex of the group.
	identity    string // given by the peer, or made here
	established bool   // the handshake is complete
	authentic   uint64 // the number of the last authentic message; 0 for none
	topics      map[string]struct{}

	outMu   sync.Mutex
	out     [][]byte // waits to be written
	waiting int      // the bytes in out, and those that are being written
	gone    bool     // nothing is put into out any more
	wake    chan struct{}

	read int // the number of messages, for pace
}

func newPeer(s *Socket, conn net.Conn) *peer {
	return &peer{
		socket: s, conn: conn, in: bufio.NewReader(conn), began: time.Now(),
		done: make(chan struct{}), wake: make(chan struct{}, 1), topics: map[string]struct{}{},
	}
}

// close closes the connection, after which the goroutines of the peer end.
func (p *peer) close() {
	p.end.Do(func() {
		close(p.done)
		_ = p.conn.Close()
	})
}

// attend serves the peer until its connection ends.
func (p *peer) attend() {
	s := p.socket
	defer s.remove(p)
	_ = p.conn.SetDeadline(time.Now().Add(handshakeLimit))
	identity, err := shake(p.in, p.conn, s.kind)
	if err != nil {
		s.group.noteEnd(err)
		return
	}
	_ = p.conn.SetDeadline(time.Time{})
	go p.write()
	s.establish(p, identity)
	for err == nil {
		err = p.receive()
	}
	s.group.noteEnd(err)
}

// The kinds of refusals.
const (
	refusedForm    = "closed a connection that does not speak ZMTP 3 with the mechanism NULL, or exceeds a limit"
	refusedSilence = "closed a connection that stopped in its handshake or its first message"
	refusedBacklog = "closed a connection that does not read what it is sent"
	refusedCrowd   = "closed a connection that has not sent an authentic message, to make room for others"
	refusedMessage = "dropped a message"
	notAccepted    = "cannot accept connections"
)

// noteEnd reports why a connection ended, unless its peer closed it.
func (g *Group) noteEnd(err error) {
	var timeout net.Error
	switch {
	case errors.Is(err, errMalformed):
		g.refusals.note(refusedForm, err.Error())
	case errors.As(err, &timeout) && timeout.Timeout():
		g.refusals.note(refusedSilence, "")
	}
}

// errGreedy is the error for a stranger whose unfinished message makes all of them too large.
var errGreedy = errors.New("unfinished messages of strangers hold too much memory")

// receive reads a message and handles it.
func (p *peer) receive() error {
	if _, err := p.in.Peek(1); err != nil { // a peer may be silent between messages
		return err
	}
	g, limit, authentic := p.socket.group, p.socket.limit(), p.socket.group.isAuthentic(p)
	reserve := func(int) error { return nil }
	if authentic {
		limit = ofTrusted
	} else {
		_ = p.conn.SetReadDeadline(time.Now().Add(strangerLimit))
		reserve = func(bytes int) error { return p.reserve(bytes) }
	}
	m, err := readMessage(p.in, limit, reserve)
	defer g.incoming.drop(p)
	if err != nil {
		return err
	}
	_ = p.conn.SetReadDeadline(time.Time{})
	if m.name == "PING" {
		p.pong(m.body)
		err = p.pace(authentic, len(m.body))
	} else {
		err = errors.Join(p.socket.handle(p, m), p.pace(authentic, m.size()))
	}
	return err
}

// reserve counts bytes of an unfinished message of a stranger.
func (p *peer) reserve(bytes int) error {
	greediest := p.socket.group.incoming.take(p, bytes)
	if greediest == nil {
		return nil
	}
	p.socket.group.refusals.note(refusedForm, errGreedy.Error())
	greediest.close()
	if greediest == p {
		return errGreedy
	}
	return nil
}

// pace slows strangers down, so that a flood does not take all processors. The messages of a
// well-meaning peer before its first authentic one are few.
func (p *peer) pace(authentic bool, bytes int) error {
	const free, perMessage, perMiB = 32, 10 * time.Millisecond, 20 * time.Millisecond
	if p.read++; authentic || p.read <= free && bytes < chunk {
		return nil
	}
	select {
	case <-time.After(perMessage + time.Duration(bytes>>20)*perMiB):
		return nil
	case <-p.done:
		return io.EOF
	}
}

// pong answers a PING command, whose body is a time to live and a context to return.
func (p *peer) pong(body []byte) {
	const ttl, maxContext = 2, 16
	context := body[min(ttl, len(body)):]
	p.send(encodeCommand("PONG", context[:min(maxContext, len(context))]))
}

// send puts bytes into the queue of the peer. It never waits. A peer whose queue is too long is
// closed.
func (p *peer) send(bytes []byte) {
	if greedy := p.enqueue(bytes); greedy != nil {
		p.socket.group.refusals.note(refusedBacklog, "")
		greedy.close()
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// enqueue adds bytes to the queue. It returns the peer that must be closed because it has not read
// too many bytes, or nil.
func (p *peer) enqueue(bytes []byte) (greedy *peer) {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	switch {
	case p.gone:
		return nil
	case p.waiting > 0 && p.waiting+len(bytes) > maxBacklog:
		return p
	}
	p.out, p.waiting = append(p.out, bytes), p.waiting+len(bytes)
	return p.socket.group.backlog.take(p, len(bytes))
}

// release gives back everything that the peer holds of the budgets.
func (p *peer) release() {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	p.gone, p.out = true, nil
	p.socket.group.incoming.drop(p)
	p.socket.group.backlog.drop(p)
}

// write writes the queue to the connection until the peer is closed.
func (p *peer) write() {
	defer p.close()
	for {
		select {
		case <-p.done:
			return
		case <-p.wake:
		}
		p.outMu.Lock()
		next := p.out
		p.out = nil
		p.outMu.Unlock()
		for _, bytes := range next {
			if _, err := p.conn.Write(bytes); err != nil {
				return
			}
			p.outMu.Lock()
			p.waiting -= len(bytes)
			p.outMu.Unlock()
			p.socket.group.backlog.give(p, len(bytes))
		}
	}
}

// compareRoutes orders peers of one identity: first the peer with the latest authentic message,
// then the peer that connected first.
func compareRoutes(a, b *peer) int {
	return cmp.Or(cmp.Compare(b.authentic, a.authentic), a.began.Compare(b.began))
}
