package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Style says how a series is drawn.
type Style int

// A series is a solid line, a dashed line, separate points, or points joined by a line.
const (
	Solid Style = iota
	Dashed
	Points
	Joined
)

// Series is one curve, or points. X and Y have the same length.
type Series struct {
	Name  string // in the legend; no entry if empty
	X, Y  []float64
	YErr  []float64 // half-width of a band around a line, or of error bars at points; nil for none
	Style Style
	Color color.Color // nil for the colour of the name (MCMC is grey), or the next one of the palette
}

// Lines draws curves, with bands or error bars if a series has errors.
func Lines(a Axes, series ...Series) Figure {
	series = coloured(series)
	var entries []legendEntry
	for _, s := range series {
		entries = append(entries, legendEntry{s.Name, s.symbol(s.color())})
	}
	return a.lines(series, entries)
}

// lines draws the series under a given legend, and further drawings on top.
func (a Axes) lines(series []Series, entries []legendEntry, over ...drawing) Figure {
	if len(series) == 0 {
		return a.fail("no series; give at least one")
	}
	xs, ys := emptySpan(), emptySpan()
	for i, s := range series {
		if err := s.check(a, &xs, &ys); err != nil {
			return a.fail("series %d %q: %w", i+1, s.Name, err)
		}
	}
	xs, ys = axisRange(a.XRange, xs, 0.02, a.LogX), axisRange(a.YRange, ys, 0.05, a.LogY)
	if (a.LogX && xs.min <= 0) || (a.LogY && ys.min <= 0) {
		return a.fail("the range of a logarithmic axis begins at or below zero; begin above zero")
	}
	var drawings []drawing
	for _, s := range coloured(series) {
		clr := s.color()
		drawings = append(drawings, s.band(clr, ys), s.curve(clr))
	}
	return a.framed(entries, a.plot(xs, ys, append(drawings, over...)...))
}

// Scatter draws points, translucent if there are many.
func Scatter(a Axes, series ...Series) Figure {
	points := slices.Clone(series)
	for i := range points {
		points[i].Style = Points
	}
	return Lines(a, points...)
}

// coloured returns the series with a colour for each.
func coloured(series []Series) []Series {
	names := make([]string, len(series))
	for i, s := range series {
		names[i] = s.Name
	}
	out := slices.Clone(series)
	for i, c := range colours(names) {
		if out[i].Color == nil {
			out[i].Color = c
		}
	}
	return out
}

func (s Series) color() color.NRGBA { return color.NRGBAModel.Convert(s.Color).(color.NRGBA) }

// check returns an error for a series that cannot be drawn, and extends the ranges to its points.
func (s Series) check(a Axes, xs, ys *span) error {
	if len(s.X) == 0 {
		return fmt.Errorf("has no points; give at least one")
	}
	if len(s.Y) != len(s.X) || (s.YErr != nil && len(s.YErr) != len(s.X)) {
		return fmt.Errorf("has %d x, %d y and %d errors; give as many of each", len(s.X), len(s.Y), len(s.YErr))
	}
	for i := range s.X {
		low, high := s.Y[i], s.Y[i]
		if s.YErr != nil {
			low, high = low-s.YErr[i], high+s.YErr[i]
		}
		if !finite(s.X[i]) || !finite(low) || !finite(high) {
			return fmt.Errorf("point %d is (%g, %g), which is not finite; leave it out", i, s.X[i], s.Y[i])
		}
		if (a.LogX && s.X[i] <= 0) || (a.LogY && s.Y[i] <= 0) {
			return fmt.Errorf("point %d is (%g, %g), which a logarithmic axis cannot show; "+
				"leave it out or use a linear axis", i, s.X[i], s.Y[i])
		}
		xs.add(s.X[i])
		ys.add(high)
		if a.LogY && low <= 0 {
			low = s.Y[i]
		}
		ys.add(low)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// band draws the errors: an area around a line, or bars at points.
func (s Series) band(clr color.NRGBA, ys span) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		if s.YErr == nil {
			return
		}
		edge := func(i int, sign float64) vg.Point {
			return vg.Point{X: x(s.X[i]), Y: y(math.Max(s.Y[i]+sign*s.YErr[i], ys.min))}
		}
		if s.Style == Points || s.Style == Joined {
			for i := range s.X {
				errorBar(c, edge(i, -1), edge(i, 1), clr)
			}
			return
		}
		var outline []vg.Point
		for i := range s.X {
			outline = append(outline, edge(i, -1))
		}
		for i := len(s.X) - 1; i >= 0; i-- {
			outline = append(outline, edge(i, 1))
		}
		if clipped := c.ClipPolygonXY(outline); len(clipped) > 0 {
			c.FillPolygon(translucent(clr, 0.2), clipped)
		}
	}
}

// errorBar draws a vertical bar with caps.
func errorBar(c draw.Canvas, from, to vg.Point, clr color.Color) {
	s := line(1.5*px, clr, false)
	const half = 4 * px // of the width of a cap
	for _, l := range [][]vg.Point{
		{from, to},
		{{X: from.X - half, Y: from.Y}, {X: from.X + half, Y: from.Y}},
		{{X: to.X - half, Y: to.Y}, {X: to.X + half, Y: to.Y}},
	} {
		c.StrokeLines(s, c.ClipLinesXY(l)...)
	}
}

// curve draws the line and the points.
func (s Series) curve(clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		points := make([]vg.Point, len(s.X))
		for i := range s.X {
			points[i] = vg.Point{X: x(s.X[i]), Y: y(s.Y[i])}
		}
		if s.Style != Points {
			c.StrokeLines(line(2*px, clr, s.Style == Dashed), c.ClipLinesXY(points)...)
		}
		if s.Style == Points || s.Style == Joined {
			radius, pointColor := s.pointStyle(clr)
			for _, p := range points {
				if c.Contains(p) {
					disc(c, p, radius, pointColor)
				}
			}
		}
	}
}

// pointStyle returns radius and colour of a point. Many points are small and translucent.
func (s Series) pointStyle(clr color.NRGBA) (vg.Length, color.NRGBA) {
	switch {
	case s.Style == Joined || len(s.X) <= 60:
		return 3.5 * px, clr
	case len(s.X) <= 600:
		return 2.5 * px, translucent(clr, 0.6)
	}
	return 1.5 * px, translucent(clr, 0.35)
}

// symbol returns the legend symbol of the series.
func (s Series) symbol(clr color.NRGBA) func(draw.Canvas, vg.Rectangle) {
	return func(c draw.Canvas, box vg.Rectangle) {
		from, to := midline(box)
		if s.YErr != nil && s.Style <= Dashed {
			band := vg.Rectangle{Min: vg.Point{X: from.X, Y: from.Y - 5*px}, Max: vg.Point{X: to.X, Y: to.Y + 5*px}}
			fill(c, band, translucent(clr, 0.2))
		}
		if s.Style != Points {
			c.StrokeLines(line(2*px, clr, s.Style == Dashed), []vg.Point{from, to})
		}
		if s.Style >= Points {
			disc(c, vg.Point{X: (from.X + to.X) / 2, Y: from.Y}, 4*px, clr)
		}
	}
}
