package figure

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Run is the learning curve of one training: losses after Steps. Validation may be empty, or sparser than Train.
type Run struct {
	Name            string
	Steps, Train    []float64
	ValidationSteps []float64
	Validation      []float64
	// Stopped is the step whose parameters were kept; 0 for the last one. It is marked on the validation curve.
	Stopped float64
}

// LearningCurves draws several runs: training losses as solid lines, validation dashed, the early stop as a ring.
func LearningCurves(a Axes, runs ...Run) Figure {
	var series []Series
	var entries []entry
	var rings []drawing
	validated := false
	for i, r := range runs {
		clr := Color(i)
		series = append(series, Series{Name: r.Name, X: r.Steps, Y: r.Train, Color: clr})
		entries = append(entries, entry{r.Name, Series{}.thumb(clr)})
		if len(r.Validation) > 0 {
			validated = true
			series = append(series, Series{Name: r.Name + " validation", X: r.ValidationSteps, Y: r.Validation, Style: Dashed, Color: clr})
		}
		if r.Stopped > 0 {
			rings = append(rings, r.stop(clr))
		}
	}
	if validated {
		entries = append(entries, entry{"training", Series{}.thumb(axisInk)}, entry{"validation", Series{Style: Dashed}.thumb(axisInk)})
	}
	if len(rings) > 0 {
		entries = append(entries, entry{"kept", func(c draw.Canvas, box vg.Rectangle) {
			from, to := middle(box)
			ring(c, vg.Point{X: (from.X + to.X) / 2, Y: from.Y}, axisInk)
		}})
	}
	return a.lines(series, entries, rings...)
}

// stop rings the kept step on the validation curve, or where there is none on the training curve.
func (r Run) stop(clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		xs, ys := r.ValidationSteps, r.Validation
		if len(ys) == 0 {
			xs, ys = r.Steps, r.Train
		}
		nearest := 0
		for i := range xs {
			if abs(xs[i]-r.Stopped) < abs(xs[nearest]-r.Stopped) {
				nearest = i
			}
		}
		if at := (vg.Point{X: x(xs[nearest]), Y: y(ys[nearest])}); c.Contains(at) {
			ring(c, at, clr)
		}
	}
}

func abs(v float64) float64 { return max(v, -v) }

func ring(c draw.Canvas, at vg.Point, clr color.Color) {
	disc(c, at, 6*px, clr)
	disc(c, at, 3.5*px, paper)
}
