package live

import (
	"sync"
	"time"
)

// batch gathers text for a short time, since Jupyter's server drops the output of a kernel that
// publishes more than a thousand messages in a second. Text after a pause passes at once.
//
// Texts keep their order, and a text joins the one before if both are of one stream. If the streams
// alternate more often than batchSize in batchTime, the order between them is coarser: of each of a
// few stretches of time, first the text of one stream passes, and then that of the other. Each
// stream keeps its order.
type batch struct {
	mu     sync.Mutex // is held while text is passed on, which keeps its order
	pieces []piece
	passed time.Time // when text was passed on last
	timer  bool      // is set
}

// piece is text for one stream of an output.
type piece struct {
	target
	text []byte
}

// target is where text goes.
type target struct {
	out    Output
	stream string
}

const (
	batchTime = 50 * time.Millisecond // between two times that text is passed on
	batchSize = 20                    // the largest number of messages then
)

// add takes text for an output.
func (b *batch) add(out Output, stream, text string) {
	if out == nil || text == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	to := target{out, stream}
	if n := len(b.pieces); n == 0 || b.pieces[n-1].target != to {
		b.pieces = append(b.pieces, piece{target: to})
	}
	last := &b.pieces[len(b.pieces)-1]
	last.text = append(last.text, text...)
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
	if len(b.pieces) == 0 {
		return
	}
	pieces := merged(b.pieces)
	b.pieces, b.passed = nil, time.Now()
	for _, p := range pieces {
		p.out.Stream(p.stream, string(p.text))
	}
}

// merged returns at most batchSize pieces, or one for each target if there are more targets. It
// cuts too many pieces into stretches, and joins what a stretch has for one target.
func merged(pieces []piece) []piece {
	if len(pieces) <= batchSize {
		return pieces
	}
	targets := map[target]bool{}
	for _, p := range pieces {
		targets[p.target] = true
	}
	stretches := max(1, batchSize/len(targets))
	var all []piece
	for i := range stretches {
		begin, places := len(all), map[target]int{}
		for _, p := range pieces[i*len(pieces)/stretches : (i+1)*len(pieces)/stretches] {
			if k, known := places[p.target]; known {
				all[k].text = append(all[k].text, p.text...)
				continue
			}
			places[p.target] = begin + len(places)
			all = append(all, p)
		}
	}
	return all
}
