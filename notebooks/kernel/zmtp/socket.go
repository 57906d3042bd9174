package zmtp

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// Socket listens at an address.
type Socket struct {
	group    *Group
	kind     Kind
	admit    func(frames [][]byte) error
	listener net.Listener
	inbox    chan [][]byte
	closed   chan struct{}
	peers    []*peer // by the time of their connection; under the mutex of the group
}

// inboxSize is the number of authentic messages that wait for Recv.
const inboxSize = 16

// acceptPause is the time after a failed accept until the next one.
const acceptPause = 50 * time.Millisecond

// ErrClosed is the error of a socket that Close has closed.
var ErrClosed = errors.New("the socket is closed")

// Listen opens a socket at an address of a network, "tcp" or "unix". A Router receives only the
// messages that admit accepts, and reports the errors of admit. Several goroutines call admit. The
// file of a unix socket is open to its owner alone.
func (g *Group) Listen(kind Kind, network, address string, admit func(frames [][]byte) error) (*Socket, error) {
	config := net.ListenConfig{}
	if network == "unix" {
		config.Control = ownerOnly
	}
	listener, err := config.Listen(context.Background(), network, address)
	if err == nil && network == "unix" {
		if err = os.Chmod(address, 0o600); err != nil { // where ownerOnly has no effect
			listener.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	return g.serve(kind, listener, admit), nil
}

// serve accepts peers at a listener.
func (g *Group) serve(kind Kind, listener net.Listener, admit func(frames [][]byte) error) *Socket {
	s := &Socket{
		group: g, kind: kind, admit: admit, listener: listener,
		inbox: make(chan [][]byte, inboxSize), closed: make(chan struct{}),
	}
	g.mu.Lock()
	g.sockets = append(g.sockets, s)
	g.mu.Unlock()
	go s.accept()
	return s
}

// Addr returns the address of the socket.
func (s *Socket) Addr() net.Addr { return s.listener.Addr() }

// Close closes the socket and its connections.
func (s *Socket) Close() error {
	s.group.mu.Lock()
	peers := slices.Clone(s.peers)
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	s.group.mu.Unlock()
	err := s.listener.Close()
	for _, p := range peers {
		p.close()
	}
	return err
}

// accept accepts peers until the socket is closed.
func (s *Socket) accept() {
	for {
		conn, err := s.listener.Accept()
		if err == nil {
			s.welcome(conn)
			continue
		}
		select {
		case <-s.closed:
			return
		default:
		}
		s.group.refusals.note(notAccepted, err.Error())
		s.group.freeFile()
		select {
		case <-s.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

// welcome serves a new connection, in the place of another stranger if there are too many.
func (s *Socket) welcome(conn net.Conn) {
	p, g := newPeer(s, conn), s.group
	g.mu.Lock()
	var leaves *peer
	if len(s.strangers()) >= g.strangers {
		leaves = s.expendable()
		s.forget(leaves)
	}
	s.peers = append(s.peers, p)
	select {
	case <-s.closed:
		p.close()
	default:
	}
	g.mu.Unlock()
	if leaves != nil {
		g.refusals.note(refusedCrowd, "")
		leaves.close()
	}
	go p.attend()
}

// freeFile closes a stranger, of the socket that has most of them.
func (g *Group) freeFile() {
	g.mu.Lock()
	var most *Socket
	for _, s := range g.sockets {
		if n := len(s.strangers()); n > 0 && (most == nil || n > len(most.strangers())) {
			most = s
		}
	}
	var leaves *peer
	if most != nil {
		leaves = most.expendable()
		most.forget(leaves)
	}
	g.mu.Unlock()
	if leaves != nil {
		g.refusals.note(refusedCrowd, "")
		leaves.close()
	}
}

// expendable returns the stranger that leaves first: the peer whose handshake has lasted longest
// or, if all handshakes are complete, one of the younger half. Strangers who stay connected then
// cannot keep others out, and those who come in a crowd do not push out a subscriber that was there
// before. The caller holds the mutex.
func (s *Socket) expendable() *peer {
	all := s.strangers()
	for _, p := range all {
		if !p.established {
			return p
		}
	}
	younger := all[len(all)/2:]
	return younger[rand.IntN(len(younger))]
}

// strangers lists the peers that are not trusted. The caller holds the mutex.
func (s *Socket) strangers() (all []*peer) {
	for _, p := range s.peers {
		if !s.group.trusts(p) {
			all = append(all, p)
		}
	}
	return all
}

// isAuthentic reports whether a peer has sent an authentic message.
func (g *Group) isAuthentic(p *peer) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return p.authentic > 0
}

// trusts reports whether a peer has sent an authentic message, or is the first of its identity at
// its socket while a peer of that identity has sent one to another socket. A front end uses one
// identity for all of its sockets, and sends nothing on some of them. The caller holds the mutex.
func (g *Group) trusts(p *peer) bool {
	return p.authentic > 0 || p.established && g.trusted[p.identity] > 0 && p.socket.route(p.identity) == p
}

// route returns the peer that messages to an identity go to, or nil. Of several, it is the one that
// has sent the latest authentic message, and not one that has only taken the identity. The caller
// holds the mutex.
func (s *Socket) route(identity string) (to *peer) {
	for _, p := range s.peers {
		if p.established && p.identity == identity && (to == nil || compareRoutes(p, to) < 0) {
			to = p
		}
	}
	return to
}

// establish makes a peer reachable after its handshake.
func (s *Socket) establish(p *peer, identity string) {
	if identity == "" { // a leading zero, as in ZeroMQ's own, for an identity that no peer gives
		identity = "\x00" + crand.Text()
	}
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	p.identity, p.established = identity, true
}

// remove closes a peer and forgets it.
func (s *Socket) remove(p *peer) {
	p.close()
	s.group.mu.Lock()
	s.forget(p)
	if p.authentic > 0 {
		if s.group.trusted[p.identity]--; s.group.trusted[p.identity] == 0 {
			delete(s.group.trusted, p.identity)
		}
	}
	s.group.mu.Unlock()
	p.release()
}

// forget removes a peer from the list. The caller holds the mutex.
func (s *Socket) forget(p *peer) {
	s.peers = slices.DeleteFunc(s.peers, func(other *peer) bool { return other == p })
}

// limit returns the limits of a stranger's message.
func (s *Socket) limit() limits {
	switch s.kind {
	case Publisher:
		return ofSubscriber
	case Echo:
		return ofHeartbeat
	}
	return ofStranger
}

// handle handles a message of a peer.
func (s *Socket) handle(p *peer, m message) error {
	switch s.kind {
	case Publisher:
		return s.subscribe(p, m)
	case Echo:
		if m.name != "" {
			return nil
		}
		_, err := p.conn.Write(encode(m.frames))
		return err
	}
	if m.name != "" {
		return nil // a command that this side does not know
	}
	return s.deliver(p, m.frames)
}

// deliver passes an authentic message to Recv.
func (s *Socket) deliver(p *peer, frames [][]byte) error {
	g := s.group
	if err := s.verify(p, frames); err != nil {
		g.refusals.note(refusedMessage+" "+err.Error(), "")
		return nil
	}
	g.mu.Lock()
	g.sequence++
	if p.authentic == 0 {
		g.trusted[p.identity]++
	}
	p.authentic = g.sequence
	identity := p.identity
	g.mu.Unlock()
	g.incoming.drop(p)
	select {
	case s.inbox <- append([][]byte{[]byte(identity)}, frames...):
		return nil
	case <-s.closed:
		return ErrClosed
	}
}

// verify asks admit about a message. The messages of strangers wait for each other, so that all of
// them together take one processor at most.
func (s *Socket) verify(p *peer, frames [][]byte) error {
	if !s.group.isAuthentic(p) {
		s.group.verifying.Lock()
		defer s.group.verifying.Unlock()
	}
	return s.admit(frames)
}

// subscribe changes the subscriptions of a peer, by a message of version 3.0 or a command of
// version 3.1.
func (s *Socket) subscribe(p *peer, m message) error {
	var topic string
	add := m.name == "SUBSCRIBE"
	switch {
	case add || m.name == "CANCEL":
		topic = string(m.body)
	case m.name != "":
		return nil
	case len(m.frames) != 1 || len(m.frames[0]) == 0 || m.frames[0][0] > 1:
		return fmt.Errorf("%w: a subscriber sends more than subscriptions", errMalformed)
	default:
		topic, add = string(m.frames[0][1:]), m.frames[0][0] == 1
	}
	n := 0
	change := func() {
		s.group.mu.Lock()
		defer s.group.mu.Unlock()
		if add {
			p.topics[topic] = struct{}{}
		} else {
			delete(p.topics, topic)
		}
		n = len(p.topics)
	}
	if add && s.group.greet != nil {
		s.group.greet(topic, change, func(frames [][]byte) { p.send(encode(frames)) })
	} else {
		change()
	}
	if n > maxTopics {
		return fmt.Errorf("%w: more than %d subscriptions", errMalformed, maxTopics)
	}
	return nil
}

// Recv returns the next message of a Router, with the identity of its sender as the first frame.
func (s *Socket) Recv() ([][]byte, error) {
	select {
	case frames := <-s.inbox:
		return frames, nil
	case <-s.closed:
		return nil, ErrClosed
	}
}

// Send sends a message and never waits. The first frame is the identity of the receiver at a
// Router, or the topic at a Publisher. A message without a receiver is dropped, as in ZeroMQ.
func (s *Socket) Send(frames [][]byte) error {
	select {
	case <-s.closed:
		return ErrClosed
	default:
	}
	if len(frames) == 0 {
		return nil
	}
	body := frames
	if s.kind == Router {
		body = frames[1:]
	}
	bytes := encode(body)
	for _, p := range s.receivers(string(frames[0])) {
		p.send(bytes)
	}
	return nil
}

// receivers lists the peers that receive a message.
func (s *Socket) receivers(name string) (all []*peer) {
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	if s.kind == Router {
		if to := s.route(name); to != nil {
			all = []*peer{to}
		}
		return all
	}
	for _, p := range s.peers {
		for topic := range p.topics {
			if strings.HasPrefix(name, topic) {
				all = append(all, p)
				break
			}
		}
	}
	return all
}
