package figure

import (
	"image/color"
	"math"
	"slices"

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
	Color   color.Color // nil for the next one of the palette
}

// LearningCurves draws the learning curves of several trainings. Training losses are solid lines,
// validation losses dashed lines, and early stops rings. Without a range the vertical axis excludes
// losses that are far from the others, such as those of the first steps; the legend says so.
func LearningCurves(a Axes, curves ...LearningCurve) Figure {
	var series []Series
	var entries []legendEntry
	var rings []drawing
	validated := false
	for i, l := range curves {
		clr := Color(i)
		if l.Color != nil {
			clr = color.NRGBAModel.Convert(l.Color).(color.NRGBA)
		}
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
	if a.YRange == [2]float64{} && len(series) > 0 && !a.LogY {
		var cut []legendEntry
		a.YRange, cut = lossRange(series)
		entries = append(entries, cut...)
	}
	return a.lines(series, entries, rings...)
}

// The automatic range of losses is that of the losses which exceed the rest by at most its height.
// The rest is without the fraction earlyFraction of the steps, in which losses fall steeply, and
// without the fraction lossTail of the other losses on either side. Of few losses none is an
// outlier.
const earlyFraction, lossTail, fewLosses = 0.1, 0.01, 10

// lossRange returns the vertical range of learning curves, and legend entries that say what is cut.
// Without outliers, and for values that a figure cannot show, it returns zeros.
func lossRange(series []Series) (limits [2]float64, cut []legendEntry) {
	var values []float64
	steps, rest := emptySpan(), emptySpan()
	for _, s := range series {
		steps.add(s.X...)
		values = append(values, s.Y...)
	}
	isInfinite := func(y float64) bool { return !finite(y) }
	if len(values) < fewLosses || slices.ContainsFunc(values, isInfinite) {
		return limits, nil
	}
	for _, s := range series {
		late := lateLosses(s, steps.min+earlyFraction*(steps.max-steps.min))
		if n := len(late); n > 0 {
			out := min(int(math.Ceil(lossTail*float64(n))), (n-1)/2)
			rest.add(late[out], late[n-1-out])
		}
	}
	reach, all, shown := rest.max-rest.min, emptySpan(), rest
	for _, y := range values {
		if all.add(y); y >= rest.min-reach && y <= rest.max+reach {
			shown.add(y)
		}
	}
	if reach <= 0 || shown == all {
		return limits, nil
	}
	if all.max > shown.max {
		cut = append(cut, cutEntry("losses up to "+compactNumber(all.max)+" are cut", true))
	}
	if all.min < shown.min {
		cut = append(cut, cutEntry("losses down to "+compactNumber(all.min)+" are cut", false))
	}
	shown = shown.padded(0.05, false)
	return [2]float64{shown.min, shown.max}, cut
}

// lateLosses returns the losses from a step on in ascending order.
func lateLosses(s Series, from float64) []float64 {
	var late []float64
	for i, y := range s.Y[:min(len(s.X), len(s.Y))] {
		if s.X[i] >= from {
			late = append(late, y)
		}
	}
	slices.Sort(late)
	return late
}

// cutEntry returns a legend entry with a triangle that points to where values are cut.
func cutEntry(text string, up bool) legendEntry {
	return legendEntry{text, func(c draw.Canvas, box vg.Rectangle) {
		from, to := midline(box)
		x, y, h := (from.X+to.X)/2, from.Y, 4*px
		if !up {
			h = -h
		}
		c.FillPolygon(axisInk, []vg.Point{{X: x - 5*px, Y: y - h}, {X: x + 5*px, Y: y - h}, {X: x, Y: y + h}})
	}}
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
