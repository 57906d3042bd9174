// Package zmtp holds the listening sockets of a Jupyter kernel: the server's side of ZMTP 3.0, the
// protocol of ZeroMQ (https://rfc.zeromq.org/spec/23), for peers that nobody has authenticated yet.
// Every local user can connect to the ports of a kernel, so a socket
//
//   - serves each peer on its own, so that a silent or slow peer delays no other;
//   - ends a handshake that takes longer than a few seconds;
//   - reserves memory for bytes that have arrived, and not for bytes that a header promises;
//   - bounds the frames, messages and subscriptions of a peer, the bytes that wait for a peer to
//     read them, and the number of strangers;
//   - accepts again after a temporary error, such as too many open files.
//
// A stranger is a peer that has not sent an authentic message yet. A Group holds the sockets of one
// kernel and their common limits (group.go). A Socket listens (socket.go), and a peer is a
// connection to it (peer.go). The bytes on the wire are in handshake.go and frame.go. The client's
// side is package github.com/go-zeromq/zmq4, whose own sockets do not bound what they read.
package zmtp

import (
	"fmt"
	"sync"
	"time"
)

// The limits of a group.
const (
	// handshakeLimit is the time for a handshake, which takes milliseconds.
	handshakeLimit = 10 * time.Second
	// strangerLimit is the time in which a message of a stranger must arrive, once it has begun.
	strangerLimit = 30 * time.Second
	// mostStrangers is the number of strangers at a socket.
	mostStrangers = 128
	// maxIncoming is the number of bytes of unfinished messages of all strangers together.
	maxIncoming = 64 << 20
	// maxBacklog is the number of bytes that wait for one peer to read them.
	maxBacklog = 64 << 20
	// maxBacklogs is the number of bytes that wait for all peers.
	maxBacklogs = 256 << 20
	// maxTopics is the number of subscriptions of a peer.
	maxTopics = 256
)

// The limits of a message.
var (
	ofTrusted    = limits{bytes: 256 << 20, parts: 4096}
	ofStranger   = limits{bytes: 4 << 20, parts: 4096}
	ofSubscriber = limits{bytes: 4 << 10, parts: 1}
	ofHeartbeat  = limits{bytes: 4 << 10, parts: 16}
)

// Group holds the sockets of a kernel, which share their limits.
type Group struct {
	mu        sync.Mutex
	sockets   []*Socket
	trusted   map[string]int // number of authentic peers by identity
	sequence  uint64         // of authentic messages
	strangers int            // the most strangers at a socket

	verifying         sync.Mutex // one stranger's message at a time is verified
	incoming, backlog *budget
	refusals          refusals
	greet             func(topic string, join func(), send func([][]byte)) // see Greet
}

// NewGroup returns a group without sockets. report receives one line for the first refusal of each
// kind, and further ones seldom.
func NewGroup(report func(line string)) *Group {
	return &Group{
		trusted: map[string]int{}, strangers: strangersFor(openFiles()),
		incoming: newBudget(maxIncoming), backlog: newBudget(maxBacklogs),
		refusals: refusals{report: report, kinds: map[string]*refusal{}},
	}
}

// strangersFor returns the most strangers at a socket, given the limit of open files: the five
// sockets of a kernel leave half of the files to other uses.
func strangersFor(files uint64) int {
	return int(min(max(files/2/5, 4), mostStrangers))
}

// Greet lets a Publisher greet each new subscription. greet must call join, from when on the peer
// receives what is published, and may send messages to the peer.
func (g *Group) Greet(greet func(topic string, join func(), send func(frames [][]byte))) {
	g.greet = greet
}

// Refuse counts something that was refused, and reports it seldom. There must be few values of
// what.
func (g *Group) Refuse(what string) { g.refusals.note(what, "") }

// budget bounds the bytes that peers hold together.
type budget struct {
	mu          sync.Mutex
	limit, held int
	by          map[*peer]int
}

func newBudget(limit int) *budget { return &budget{limit: limit, by: map[*peer]int{}} }

// take adds bytes to what a peer holds. If all peers together hold too much, it returns the peer
// that holds most, which must be closed.
func (b *budget) take(p *peer, bytes int) (greediest *peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held += bytes
	b.by[p] += bytes
	if b.held <= b.limit {
		return nil
	}
	for other, n := range b.by {
		if greediest == nil || n > b.by[greediest] {
			greediest = other
		}
	}
	return greediest
}

// give takes bytes from what a peer holds.
func (b *budget) give(p *peer, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes = min(bytes, b.by[p]); bytes > 0 {
		b.held -= bytes
		b.by[p] -= bytes
	}
}

// drop forgets a peer.
func (b *budget) drop(p *peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= b.by[p]
	delete(b.by, p)
}

// refusals counts refusals by kind and reports them seldom, so that a flood does not fill a log.
type refusals struct {
	mu     sync.Mutex
	report func(line string)
	kinds  map[string]*refusal
}

type refusal struct {
	silent   int // the number of refusals since the last report
	reported time.Time
}

// reportInterval is the time between two reports of the same kind.
const reportInterval = 10 * time.Minute

// note counts a refusal. There are few kinds; detail describes one case.
func (r *refusals) note(kind, detail string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.kinds[kind]
	if k == nil {
		k = &refusal{}
		r.kinds[kind] = k
	}
	if time.Since(k.reported) < reportInterval {
		k.silent++
		return
	}
	line := kind
	if detail != "" {
		line += ": " + detail
	}
	if k.silent > 0 {
		line += fmt.Sprintf(" (and %d like it before)", k.silent)
	}
	k.silent, k.reported = 0, time.Now()
	r.report(line)
}
