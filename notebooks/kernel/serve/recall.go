package serve

import (
	"sync"
	"time"
)

// recall remembers what the kernel has published for front ends that are new. A front end may send
// its first request before its subscription has arrived, and would miss the end of the answer.
// Jupyter's server waits for the subscription unless the kernel is busy: JupyterLab then waited for
// ever for the kernel's description, in a page that was opened during a training.
type recall struct {
	mu       sync.Mutex           // is held while a message is published or a subscriber joins
	sessions map[string]time.Time // of front ends, with the time of their first request
	messages []recalled
	bytes    int
}

// recalled is a published message.
type recalled struct {
	at     time.Time
	frames [][]byte
	bytes  int
}

// The bounds of what is remembered: the age of a session and of a message, the bytes of messages,
// and the sessions.
const (
	recallTime   = 10 * time.Second
	recallBytes  = 256 << 10
	mostSessions = 4096
)

// meet notes a request of a session.
func (r *recall) meet(session string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil || len(r.sessions) >= mostSessions {
		r.sessions = map[string]time.Time{}
	}
	if _, known := r.sessions[session]; !known {
		r.sessions[session] = time.Now()
	}
}

// publish publishes an answer to a session by send.
func (r *recall) publish(session string, frames [][]byte, send func(frames [][]byte) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if first, known := r.sessions[session]; known && now.Sub(first) < recallTime {
		m := recalled{at: now, frames: frames}
		for _, f := range frames {
			m.bytes += len(f)
		}
		r.messages, r.bytes = append(r.messages, m), r.bytes+m.bytes
		r.forget(now)
	}
	return send(frames)
}

// forget drops what is too old or too much. The caller holds the lock.
func (r *recall) forget(now time.Time) {
	n := 0
	for n < len(r.messages) && (r.bytes > recallBytes || now.Sub(r.messages[n].at) > recallTime) {
		r.bytes -= r.messages[n].bytes
		n++
	}
	r.messages = append([]recalled{}, r.messages[n:]...)
}

// join lets a subscriber join, and sends what it may have missed. Nothing is published meanwhile.
func (r *recall) join(join func(), send func(frames [][]byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	join()
	r.forget(time.Now())
	for _, m := range r.messages {
		send(m.frames)
	}
}
