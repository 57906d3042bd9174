package figure

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// LearningCurve is the history of one training: the training losses after Steps, and the validation
// losses after ValidationSteps. The validation losses may be absent.
type LearningCurve struct {
	Name            string
	Steps, Train    []float64
	ValidationSteps []float64
	Validation      []float64
	// Stopped is the step whose parameters the model has, if this is not the last step; otherwise
	// 0. It is marked on the validation curve.
	Stopped float64
}

// LearningCurves draws the learning curves of several trainings. Training losses are solid lines,
// validation losses dashed lines, and early stops rings.
func LearningCurves(a Axes, curves ...LearningCurve) Figure {
	var series []Series
	var entries []legendEntry
	var rings []drawing
	validated := false
	for i, l := range curves {
		clr := Color(i)
		series = append(series, Series{Name: l.Name, X: l.Steps, Y: l.Train, Color: clr})
		entries = append(entries, legendEntry{l.Name, Series{}.symbol(clr)})
		if len(l.Validation) > 0 {
			validated = true
			series = append(series, Series{
				Name: l.Name + " validation", X: l.ValidationSteps, Y: l.Validation, Style: Dashed, Color: clr,
			})
		}
		if l.Stopped > 0 {
			rings = append(rings, l.stopRing(clr))
		}
	}
	if validated {
		entries = append(entries, legendEntry{"training", Series{}.symbol(axisInk)},
			legendEntry{"validation", Series{Style: Dashed}.symbol(axisInk)})
	}
	if len(rings) > 0 {
		entries = append(entries, legendEntry{"kept", func(c draw.Canvas, box vg.Rectangle) {
			from, to := midline(box)
			ring(c, vg.Point{X: (from.X + to.X) / 2, Y: from.Y}, axisInk)
		}})
	}
	return a.lines(series, entries, rings...)
}

// stopRing marks the step Stopped on the validation curve. Without a validation curve it marks the
// training curve.
func (l LearningCurve) stopRing(clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		xs, ys := l.ValidationSteps, l.Validation
		if len(ys) == 0 {
			xs, ys = l.Steps, l.Train
		}
		nearest := 0
		for i := range xs {
			if math.Abs(xs[i]-l.Stopped) < math.Abs(xs[nearest]-l.Stopped) {
				nearest = i
			}
		}
		if at := (vg.Point{X: x(xs[nearest]), Y: y(ys[nearest])}); c.Contains(at) {
			ring(c, at, clr)
		}
	}
}

func ring(c draw.Canvas, at vg.Point, clr color.Color) {
	erase(c, at, 6*px)
	arc(c, at, 4.75*px, 2.5*px, clr)
}
