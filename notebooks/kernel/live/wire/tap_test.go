//go:build unix

package wire

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A tap hands on everything in its order, and what was written before Drain before that returns.
func TestTap(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got strings.Builder
	tap := NewTap(r, func(piece []byte) { got.Write(piece) })
	ended := make(chan bool)
	go func() {
		tap.Run()
		close(ended)
	}()
	for range 1000 {
		if _, err := w.WriteString("piece\n"); err != nil {
			t.Fatal(err)
		}
		tap.Drain()
		tap.mu.Lock()
		if !strings.HasSuffix(got.String(), "piece\n") {
			t.Error("Drain returns before what is in the pipe has been handed on")
		}
		got.WriteString("|")
		tap.mu.Unlock()
	}
	w.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the tap does not end with its pipe")
	}
	if want := strings.Repeat("piece\n|", 1000); got.String() != want {
		t.Errorf("%d bytes were handed on, want %d", got.Len(), len(want))
	}
}

// A writer that never stops does not keep Drain.
func TestTapOfAFlood(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	tap := NewTap(r, func([]byte) {})
	go tap.Run()
	go func() {
		for block := make([]byte, 4096); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}()
	began := time.Now()
	for range 100 {
		tap.Drain()
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a hundred times took %s", took)
	}
	r.Close()
	w.Close()
}
