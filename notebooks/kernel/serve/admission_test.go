package serve

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// signed returns the frames of a new message.
func signed(t testing.TB, key gonb.Signer, kind string, content map[string]any) [][]byte {
	t.Helper()
	raw, err := key.Frames(gonb.Message{Header: gonb.NewHeader("test", kind), Content: content})
	if err != nil {
		t.Fatal(err)
	}
	return raw.Frames
}

// A message is admitted once, whatever its identities and buffers are, and whoever sends it at the
// same time.
func TestAdmitsAMessageOnce(t *testing.T) {
	key := gonb.Signer("key")
	a := newAdmission(key)
	frames := signed(t, key, "execute_request", nil)
	var admitted sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			variant := append([][]byte{fmt.Append(nil, i)}, frames...)
			if err := a.admit(append(variant, []byte("buffer"))); err == nil {
				admitted.Store(i, true)
			} else if !errors.Is(err, errReplay) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	count := 0
	admitted.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("admitted %d times", count)
	}
	if err := a.admit(signed(t, gonb.Signer("guess"), "execute_request", nil)); !errors.Is(err, gonb.ErrSignature) {
		t.Errorf("a forged message: %v", err)
	}
	if err := a.admit(signed(t, key, "execute_request", nil)); err != nil {
		t.Errorf("another message: %v", err)
	}
}

// What the kernel publishes cannot be sent back to it as a front end's message.
func TestPublishedMessagesAreNotAdmitted(t *testing.T) {
	key := gonb.Signer("key")
	a := newAdmission(key)
	frames := signed(t, key, "comm_msg", map[string]any{"comm_id": "1"})
	m, ok := key.Parse(frames)
	if !ok {
		t.Fatal("not a message")
	}
	a.published(&m, frames)
	if err := a.admit(frames); !errors.Is(err, errReplay) {
		t.Errorf("a published message: %v", err)
	}
}

// The memory of signatures is bounded, and forgets the oldest first.
func TestTheMemoryOfSignaturesIsBounded(t *testing.T) {
	a := newAdmission(nil)
	for i := range maxSeen + 2 {
		if !a.remember(fmt.Sprint(i)) {
			t.Fatalf("signature %d is known", i)
		}
	}
	if len(a.seen) != maxSeen || len(a.order) != maxSeen {
		t.Errorf("%d signatures are remembered", len(a.seen))
	}
	if a.remember("2") || !a.remember("0") {
		t.Error("not the oldest signatures are forgotten")
	}
}

// Without a key nothing is signed, and every message is admitted.
func TestWithoutAKey(t *testing.T) {
	a := newAdmission(nil)
	frames := signed(t, nil, "execute_request", nil)
	for range 2 {
		if err := a.admit(frames); err != nil {
			t.Error(err)
		}
	}
}

// A connection file that lets others in is named; Jupyter's own is not.
func TestWarnings(t *testing.T) {
	path := connectionFile(t, t.TempDir(), gonb.Signer("key"))
	for _, c := range []struct {
		key, transport string
		mode           os.FileMode
		want           string
	}{
		{"key", "tcp", 0o600, ""}, {"", "ipc", 0o600, ""}, {"", "tcp", 0o600, "has no key"},
		{"key", "tcp", 0o640, "chmod 600"}, {"key", "ipc", 0o604, "chmod 600"},
	} {
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(connection{Key: c.key, Transport: c.transport}.warnings(path), "\n")
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
