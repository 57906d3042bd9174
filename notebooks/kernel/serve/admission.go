package serve

import (
	"errors"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// admission decides which messages of front ends are authentic: their signature is right, and they
// have not been sent before. Everybody on the machine can read what the kernel publishes, and could
// send that again.
type admission struct {
	key gonb.Signer

	mu    sync.Mutex
	seen  map[string]struct{}
	order []string // a ring of the signatures in seen
	next  int      // where the ring continues
}

// maxSeen is the number of signatures that are remembered: some hours of a slider that moves all
// the time.
const maxSeen = 1 << 18

// errReplay is the error for a message that has been sent before.
var errReplay = errors.New("that has been sent before")

func newAdmission(key gonb.Signer) *admission {
	return &admission{key: key, seen: map[string]struct{}{}}
}

// admit checks a message. Its errors do not depend on the message, so that a log can count them.
func (a *admission) admit(frames [][]byte) error {
	_, signature, _, err := a.key.Verify(frames)
	if err != nil {
		return err
	}
	if !a.remember(signature) {
		return errReplay
	}
	return nil
}

// remember notes a signature. first reports whether it is new. Without a key there are no
// signatures, and every message is new.
func (a *admission) remember(signature string) (first bool) {
	if signature == "" {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.seen[signature]; known {
		return false
	}
	a.seen[signature] = struct{}{}
	if len(a.order) < maxSeen {
		a.order = append(a.order, signature)
		return true
	}
	delete(a.seen, a.order[a.next])
	a.order[a.next] = signature
	a.next = (a.next + 1) % maxSeen
	return true
}

// published notes a message that the kernel publishes, if it is of a type that front ends send too.
func (a *admission) published(m *gonb.Message, frames [][]byte) {
	if _, both := gonb.Requests[m.Header.Type]; !both {
		return
	}
	if _, signature, _, err := a.key.Verify(frames); err == nil {
		a.remember(signature)
	}
}
