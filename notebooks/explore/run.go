// Package explore is the notebooks' edge for interactive pictures: sliders with a picture that
// follows them (run.go, panel.go, slider.go), and the pictures of notebook 06 (landscape.go,
// flow.go, temperature.go). A failure panics, and the cell turns red.
package explore

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/comms"
	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// EnvListen is the time that a cell waits for the next move of a slider, as "30s" or "5m". 0 is for
// unattended runs. By default a cell waits for firstMove, and after the first move for nextMove.
const EnvListen = "EQFLOW_LISTEN"

const (
	showing   = 30 * time.Second // for a browser to show the sliders, when their cell comes into view
	firstMove = 2 * time.Minute
	nextMove  = 15 * time.Minute
)

// Run draws a picture and draws it again after each move of a slider. It returns when the user
// presses its button or the notebook's stop button, or after some time without moves. The last
// picture stays. Without a browser, as under nbconvert, Run draws once, with the initial values.
func Run(draw func() figure.Figure, sliders ...*Slider) {
	var view figure.View
	show := func() {
		if err := view.Draw(draw()); err != nil {
			panic(err)
		}
	}
	place := "eqflow_" + gonbui.UniqueId()
	gonbui.UpdateHTML(place, values(sliders)) // above the picture
	show()
	if first, next := waits(); first > 0 && hasBrowser() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		p := newPanel(place, sliders)
		comms.Subscribe(place, func(_, message string) { p.receive(message) })
		gonbui.UpdateHTML(place, p.frame())
		p.listen(ctx, min(first, showing), first, next, show)
		gonbui.UpdateHTML(place, values(sliders))
	}
	if err := view.Close(); err != nil {
		panic(err)
	}
}

// hasBrowser reports whether a browser may show the notebook. Jupyter's servers give a kernel its
// id, and programs that execute notebooks do not.
func hasBrowser() bool {
	return gonbui.IsNotebook && os.Getenv(protocol.GONB_JUPYTER_KERNEL_ID_ENV) != ""
}

// waits returns the times to wait for the first move and for each next move.
func waits() (first, next time.Duration) {
	text := os.Getenv(EnvListen)
	if text == "" {
		return firstMove, nextMove
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(fmt.Errorf(`explore: %s=%q is no duration; give "30s", "5m" or "0"`, EnvListen, text))
	}
	return d, d
}
