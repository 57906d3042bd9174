package live

import (
	"strings"
	"sync"
	"time"
)

// batch gathers the text of one stream for a short time, since Jupyter's server drops the output of
// a kernel that publishes more than a thousand messages in a second. Text after a pause passes at
// once.
type batch struct {
	mu     sync.Mutex // is held while text is passed on, which keeps its order
	out    Output
	stream string
	text   strings.Builder
	passed time.Time // when text was passed on last
	timer  bool      // is set
}

// batchTime is the time between two messages of a stream.
const batchTime = 50 * time.Millisecond

// add takes text for an output.
func (b *batch) add(out Output, stream, text string) {
	if out == nil || text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out != out || b.stream != stream {
		b.pass()
		b.out, b.stream = out, stream
	}
	b.text.WriteString(text)
	switch wait := batchTime - time.Since(b.passed); {
	case wait <= 0:
		b.pass()
	case !b.timer:
		b.timer = true
		time.AfterFunc(wait, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.timer = false
			b.pass()
		})
	}
}

// flush passes on what there is, since something else is shown next.
func (b *batch) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pass()
}

// pass is flush for a caller that holds the lock.
func (b *batch) pass() {
	if b.text.Len() == 0 {
		return
	}
	text := b.text.String()
	b.text.Reset()
	b.passed = time.Now()
	b.out.Stream(b.stream, text)
}
