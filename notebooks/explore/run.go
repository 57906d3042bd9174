// Package explore is the notebooks' edge of looking around: sliders that a picture follows while they move, and the pictures
// that notebook 06 draws with them. What fails panics, and the cell is red.
package explore

import (
	"context"
	"fmt"
	"html"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/comms"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// EnvListen says how long a cell waits for the next move of a slider, as "30s" or "5m": 0 is for runs that nobody watches.
// Where it is not set, a cell waits for untouched, and after the first move for idle.
const EnvListen = "EQFLOW_LISTEN"

// attaching is how long a browser gets to show the sliders, which it does when their cell is on the screen.
const (
	attaching = 30 * time.Second
	untouched = 2 * time.Minute
	idle      = 15 * time.Minute
)

// Run draws a picture and, where somebody is there to move the sliders, draws it anew whenever one has moved. It returns when
// its button or the notebook's stop button is pressed, or after a while without moves; the picture stays as it is then.
// Without a browser, as under nbconvert, it draws once, with the sliders' first values.
func Run(draw func() figure.Figure, sliders ...*Slider) {
	var view figure.View
	show := func() {
		if err := view.Draw(draw()); err != nil {
			panic(err)
		}
	}
	place := "eqflow_" + gonbui.UniqueId()
	gonbui.UpdateHTML(place, chosen(sliders)) // above the picture
	show()
	if wait, longer := patience(); wait > 0 && watched() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		p := newPanel(place, sliders)
		comms.Subscribe(place, func(_, message string) { p.take(message) })
		gonbui.UpdateHTML(place, p.frame())
		p.listen(ctx, min(wait, attaching), wait, longer, show)
		gonbui.UpdateHTML(place, chosen(sliders))
	}
	if err := view.Close(); err != nil {
		panic(err)
	}
}

// watched tells whether a browser can be there: Jupyter's servers give a kernel its id, programs that execute notebooks do
// not, and nobody would ever answer a slider.
func watched() bool { return gonbui.IsNotebook && os.Getenv(protocol.GONB_JUPYTER_KERNEL_ID_ENV) != "" }

// patience is how long to wait for the first move and for later ones.
func patience() (first, later time.Duration) {
	text := os.Getenv(EnvListen)
	if text == "" {
		return untouched, idle
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(fmt.Errorf(`explore: %s=%q is no duration; give "30s", "5m" or "0"`, EnvListen, text))
	}
	return d, d
}

// chosen is what stays of the sliders when the cell has ended.
func chosen(sliders []*Slider) string {
	values := make([]string, len(sliders))
	for i, s := range sliders {
		values[i] = html.EscapeString(s.Name + " = " + s.text())
	}
	return `<div class="eqflow-chosen">` + strings.Join(values, " &nbsp; ") + ` &nbsp; <small>run this cell to move the sliders</small></div>`
}

// panel is the sliders on the screen.
type panel struct {
	place   string // of the output that holds them, and the address of their messages
	sliders []*Slider
	shown   chan struct{} // of these, one message is enough: positions are read when it is drawn
	moved   chan struct{}
	done    chan struct{}

	mu        sync.Mutex
	newest    int // message
	positions []int
}

func newPanel(place string, sliders []*Slider) *panel {
	one := func() chan struct{} { return make(chan struct{}, 1) }
	p := &panel{place: place, sliders: sliders, shown: one(), moved: one(), done: one(), positions: make([]int, len(sliders))}
	for i, s := range sliders {
		p.positions[i] = s.position()
	}
	return p
}

// tell wakes whoever waits; one who has been woken needs no more.
func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take reads a message of sliders.js: its number, then "done" or the positions of all sliders. GoNB's library hands messages
// over in any order, so older ones are left.
func (p *panel) take(message string) {
	number, word, _ := strings.Cut(message, " ")
	count, err := strconv.Atoi(number)
	if err != nil {
		return
	}
	if word == "done" {
		tell(p.done)
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
	tell(p.shown)
	if !slices.Equal(positions, p.positions) {
		p.positions = positions
		tell(p.moved)
	}
}

// apply gives the sliders their values. One that has not moved keeps the value that it began with, between two positions
// perhaps.
func (p *panel) apply() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, s := range p.sliders {
		if p.positions[i] != s.position() {
			s.Value = s.at(p.positions[i])
		}
	}
}

// listen draws until it ends: when ctx does or the button is pressed, or when nothing has come for as long as the sliders have
// to be shown, to be moved for the first time, and to be moved again.
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
