package host

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// endOfInput is what a front end answers when its user ends the input, as ipykernel has it.
const endOfInput = "\x04"

// keyboard is the standard input of cells. It notices that a cell waits for input, and then asks
// for a line.
type keyboard struct {
	file *os.File // the process's own; a cell may set os.Stdin
	ask  func()   // asks the front end for a line

	mu   sync.Mutex
	feed *os.File // the end of a pipe that the cell reads, or nil
	over chan struct{}
	seen int // the number of looks since the last answer that found the cell waiting
}

// A cell waits for input when the keyboard has found it so a few times. The interval is look. A
// single find may be a cell that has just got its line.
const (
	look  = 10 * time.Millisecond
	looks = 3
)

// begin gives a cell its input. A cell without a user meets the end of the input at once. end
// closes the input, so that a goroutine which outlives the cell waits for nobody.
func (k *keyboard) begin(user bool) (end func()) {
	if !user || !canNotice() {
		emptyInput()
		return func() {}
	}
	feed, err := pipedInput()
	if err != nil {
		emptyInput()
		return func() {}
	}
	over := make(chan struct{})
	k.mu.Lock()
	k.feed, k.over, k.seen = feed, over, 0
	k.mu.Unlock()
	go k.watch(over)
	return k.end
}

// end ends the input.
func (k *keyboard) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feed != nil {
		close(k.over)
		_ = k.feed.Close()
		k.feed = nil
	}
}

// watch asks for a line whenever a cell waits for one.
func (k *keyboard) watch(over <-chan struct{}) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return
		case <-ticker.C:
		}
		waits := isRead(k.file) && unreadInput() == 0
		k.mu.Lock()
		if k.seen++; !waits {
			k.seen = 0
		}
		asks := k.seen == looks
		k.mu.Unlock()
		if asks {
			k.ask()
		}
	}
}

// answer gives a line to the cell.
func (k *keyboard) answer(line string) {
	if line == endOfInput {
		k.end()
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.feed != nil {
		k.seen = 0
		_, _ = k.feed.WriteString(line + "\n")
	}
}

// readLocked is the bit in the first word of a file that is set while a goroutine reads the file
// (mutexRLock of internal/poll.fdMutex). No exported function of Go tells that.
const readLocked = 1 << 1

// isRead reports whether a goroutine reads a file.
func isRead(f *os.File) bool {
	state := *(**atomic.Uint64)(unsafe.Pointer(f))
	return state.Load()&readLocked != 0
}

// canNotice reports whether isRead works with this version of Go, which it tries once.
var canNotice = sync.OnceValue(func() bool {
	r, w, err := os.Pipe()
	if err != nil || isRead(r) {
		return false
	}
	defer r.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = r.Read(make([]byte, 1))
	}()
	noticed := false
	for range 100 {
		if noticed = isRead(r); noticed {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_ = w.Close()
	<-done
	return noticed && !isRead(r)
})
