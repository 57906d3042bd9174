// Package explore is the notebooks' edge of looking around: sliders that a picture follows while they move, and the pictures
// that notebook 06 draws with them. What fails panics, and the cell is red.
package explore

import (
	"context"
	"fmt"
	"html"
	"os"
	"os/signal"
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

const (
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
	wait, longer := patience()
	if wait > 0 && watched() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		gonbui.UpdateHTML(place, "")
		show()
		p := newPanel(place, sliders)
		if p.attach() {
			p.listen(ctx, wait, longer, show)
		}
	} else {
		show()
	}
	gonbui.UpdateHTML(place, chosen(sliders))
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
	place   string // of the output that holds them
	sliders []*Slider
	moved   chan struct{} // one is enough: positions are read when it is drawn
	ended   chan struct{}

	mu        sync.Mutex
	positions []int
}

func newPanel(place string, sliders []*Slider) *panel {
	p := &panel{place: place, sliders: sliders, moved: make(chan struct{}, 1), ended: make(chan struct{}, 1), positions: make([]int, len(sliders))}
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

// subscribe follows a slider's or button's address. It stays until the process ends: GoNB's library stops for good when a
// value comes for an address that nobody follows any more.
func subscribe(address string, take func(value int)) {
	comms.Subscribe(address, func(_ string, value int) { take(value) })
}

// move takes slider i's position.
func (p *panel) move(i, position int) {
	p.mu.Lock()
	changed := p.positions[i] != position
	p.positions[i] = position
	p.mu.Unlock()
	if changed {
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

// listen draws until it ends.
func (p *panel) listen(ctx context.Context, wait, longer time.Duration, show func()) {
	timer := time.NewTimer(wait)
	for {
		select {
		case <-p.moved:
			p.apply()
			show()
			timer.Reset(longer)
		case <-p.ended:
			return
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		}
	}
}
