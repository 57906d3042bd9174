package figure

import (
	"errors"
	"image/png"
)

// View is an output of a notebook whose picture is replaced repeatedly, for example while a slider
// moves. Close displays the last picture as Show does; outside a notebook only this picture is
// saved. The zero value is ready to use. A View must not be used by several goroutines at once.
type View struct {
	id   string
	last Figure
}

// Draw replaces the picture. It refuses films.
func (v *View) Draw(f Figure) error {
	v.last = f
	if err := f.Err(); err != nil {
		return err
	}
	if f.film != nil {
		return errors.New("figure: a view cannot display a film; use Show")
	}
	if !inNotebook() {
		return nil
	}
	if v.id == "" {
		v.id = newDisplayID()
	}
	// Good compression takes three quarters of the time of a picture. Close applies it to the last
	// picture.
	data, err := f.png(png.BestSpeed)
	if err != nil {
		return err
	}
	return sendBundle(map[string]any{"image/png": data}, f, v.id)
}

// Close displays the last picture as Show does.
func (v *View) Close() error { return v.last.display(inNotebook(), v.id) }
