package explore

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// panel is a group of sliders on the screen.
type panel struct {
	place   string // the id of the output that holds them, and the address of their messages
	sliders []*Slider
	// Signals, each with room for one: several moves before a drawing need only one.
	shown, moved, done chan struct{}

	mu        sync.Mutex
	newest    int // number of the newest message
	positions []int
}

func newPanel(place string, sliders []*Slider) *panel {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	p := &panel{
		place: place, sliders: sliders, shown: signal(), moved: signal(), done: signal(),
		positions: make([]int, len(sliders)),
	}
	for i, s := range sliders {
		p.positions[i] = s.position()
	}
	return p
}

// notify sends a signal, unless one is waiting already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// receive reads a message of sliders.js: its number, then "done" or the positions of all sliders.
// GoNB's library delivers messages in any order, so receive drops older messages.
func (p *panel) receive(message string) {
	number, word, _ := strings.Cut(message, " ")
	count, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if word == "done" {
		notify(p.done)
		return
	}
	positions := make([]int, 0, len(p.sliders))
	for text := range strings.SplitSeq(word, ",") {
		if k, err := strconv.Atoi(text); err == nil {
			positions = append(positions, k)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if count <= p.newest || len(positions) != len(p.sliders) {
		return
	}
	p.newest = count
	notify(p.shown)
	if !slices.Equal(positions, p.positions) {
		p.positions = positions
		notify(p.moved)
	}
}

// apply sets the values of the sliders that have moved. A slider that has not moved keeps its
// initial value, which may lie between two positions.
func (p *panel) apply() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.sliders {
		if p.positions[i] != s.position() {
			s.Value = s.at(p.positions[i])
		}
	}
}

// listen calls show after each move. It returns when ctx ends, when the button is pressed, or when
// one of three times has passed without a message: toShow until the sliders are shown, toMove until
// the first move, and again between moves.
func (p *panel) listen(ctx context.Context, toShow, toMove, again time.Duration, show func()) {
	timer := time.NewTimer(toShow)
	for {
		select {
		case <-p.shown:
			timer.Reset(toMove)
			toMove = max(toMove, again)
		case <-p.moved:
			p.apply()
			show()
			timer.Reset(again)
		case <-p.done:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		}
	}
}
