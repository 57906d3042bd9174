package figure

import (
	"errors"
	"image/png"

	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// View is one place in a notebook's output whose picture is drawn anew as often as wanted, while a slider moves, say. Close
// leaves the last picture there as Show would have shown it; outside a notebook it alone becomes a file. The zero value is
// ready. It is not for several goroutines at once.
type View struct {
	id   string
	last Figure
}

// Draw puts a picture into the view. Films are for Show.
func (v *View) Draw(f Figure) error {
	v.last = f
	if err := f.Err(); err != nil {
		return err
	}
	if f.film != nil {
		return errors.New("figure: a film has no place in a view; show it by itself")
	}
	if !inNotebook() {
		return nil
	}
	if v.id == "" {
		v.id = newLine()
	}
	// Best compression takes three quarters of a picture's time, and is for what is kept.
	data, err := f.png(png.BestSpeed)
	if err != nil {
		return err
	}
	return send(protocol.MIMEImagePNG, data, v.id)
}

// Close makes the last picture final.
func (v *View) Close() error { return v.last.display(inNotebook(), v.id) }
