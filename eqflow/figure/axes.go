package figure

import (
	"cmp"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Axes is the frame of a plot. The zero value has no labels and covers the range of the data.
type Axes struct {
	Name   string // of the file; default Title
	Title  string
	X, Y   string // labels of the axes, with units: "pair distance", "u / kT"
	LogX   bool
	LogY   bool
	XRange [2]float64 // from, to; both zero: all data
	YRange [2]float64
	XMarks []Mark // vertical reference lines
	YMarks []Mark // horizontal reference lines
	// Diagonal draws y = x, for values that should agree.
	Diagonal bool
	Width    int // pixels; default 900
	Height   int // pixels; default 430

	noVertical bool // no vertical grid lines, because the horizontal axis shows categories
}

// Mark is a dashed reference line with a label, such as the entropy of the target under a
// likelihood.
type Mark struct {
	At    float64
	Label string
}

func (a Axes) name() string { return cmp.Or(a.Name, a.Title) }

func (a Axes) fail(format string, args ...any) Figure { return failed(a.name(), format, args...) }

// figure returns a figure of the size of the axes, drawn by paint.
func (a Axes) figure(paint func(draw.Canvas)) Figure {
	w, h := cmp.Or(a.Width, defaultWidth), cmp.Or(a.Height, defaultHeight)
	return Figure{Name: a.name(), width: vg.Length(w) * px, height: vg.Length(h) * px, paint: paint}
}

// framed returns the figure of a plot below a title and a legend.
func (a Axes) framed(entries []legendEntry, p *plot.Plot) Figure {
	return a.placed(&framedPlot{title: a.Title, entries: entries, plot: p})
}

func (a Axes) placed(p *framedPlot) Figure {
	f := a.figure(p.draw)
	f.plot = p
	return f
}

// span is a closed range of numbers.
type span struct{ min, max float64 }

func emptySpan() span { return span{math.Inf(1), math.Inf(-1)} }

// add extends the range to the values.
func (s *span) add(values ...float64) {
	for _, v := range values {
		s.min, s.max = math.Min(s.min, v), math.Max(s.max, v)
	}
}

// padded extends the range by a fraction of its length on either side, so that data do not touch
// the frame.
func (s span) padded(fraction float64, log bool) span {
	if log {
		f := math.Pow(s.max/s.min, fraction)
		if s.min == s.max {
			f = 2
		}
		return span{s.min / f, s.max * f}
	}
	by := (s.max - s.min) * fraction
	if by == 0 {
		by = math.Max(math.Abs(s.max)*0.1, 0.5)
	}
	return span{s.min - by, s.max + by}
}

// axisRange returns the requested range, or the padded range of the data if none is requested.
func axisRange(requested [2]float64, data span, padding float64, log bool) span {
	if requested != [2]float64{} {
		return span{math.Min(requested[0], requested[1]), math.Max(requested[0], requested[1])}
	}
	return data.padded(padding, log)
}

// drawing draws data on a canvas. x and y map the data to the canvas.
type drawing func(c draw.Canvas, x, y func(float64) vg.Length)

// scaledDrawing is a drawing as a gonum plotter. A logarithmic axis is a linear axis of log10.
// gonum's own logarithmic scale confuses the middle of the data with the middle of the axis when it
// makes room for the label.
type scaledDrawing struct {
	draw       drawing
	logX, logY bool
}

// Plot implements plot.Plotter.
func (s scaledDrawing) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	s.draw(c, logScale(x, s.logX), logScale(y, s.logY))
}

// logScale returns the map of v if to is the map of log10 v.
func logScale(to func(float64) vg.Length, log bool) func(float64) vg.Length {
	if !log {
		return to
	}
	return func(v float64) vg.Length { return to(math.Log10(v)) }
}

// plot returns the frame with grid, drawings and reference lines.
func (a Axes) plot(x, y span, drawings ...drawing) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	formatAxis(&p.X, a.X, x, a.LogX)
	formatAxis(&p.Y, a.Y, y, a.LogY)
	p.Y.Label.Padding = 6 * px
	p.X.Label.Padding = 3 * px
	grid := plotter.NewGrid()
	grid.Horizontal = line(px, gridInk, false)
	if grid.Vertical = grid.Horizontal; a.noVertical {
		grid.Vertical.Color = nil
	}
	p.Add(grid)
	for _, d := range drawings {
		p.Add(scaledDrawing{d, a.LogX, a.LogY})
	}
	p.Add(scaledDrawing{a.marks(x, y), a.LogX, a.LogY})
	return p
}

// formatAxis sets range, label, ticks and style of an axis.
func formatAxis(axis *plot.Axis, label string, s span, log bool) {
	axis.Min, axis.Max = s.min, s.max
	axis.Padding = 0
	axis.Label.Text = label
	x, y := axis.Label.TextStyle, axis.Tick.Label
	axis.Label.TextStyle, axis.Tick.Label = style(labelSize, ink), style(tickSize, ink)
	axis.Label.TextStyle.XAlign, axis.Label.TextStyle.YAlign = x.XAlign, x.YAlign
	axis.Tick.Label.XAlign, axis.Tick.Label.YAlign = y.XAlign, y.YAlign
	axis.LineStyle = line(px, axisInk, false)
	axis.Tick.LineStyle = axis.LineStyle
	axis.Tick.Length = 5 * px
	axis.Tick.Marker = linearTicks{}
	if log {
		axis.Min, axis.Max = math.Log10(s.min), math.Log10(s.max)
		axis.Tick.Marker = logTicks{}
	}
}

// marks draws the reference lines over the data, with their labels where they cover least.
func (a Axes) marks(xs, ys span) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		s := line(1.5*px, axisInk, true)
		if a.Diagonal {
			from, to := math.Max(xs.min, ys.min), math.Min(xs.max, ys.max)
			c.StrokeLines(s, c.ClipLinesXY([]vg.Point{{X: x(from), Y: y(from)}, {X: x(to), Y: y(to)}})...)
		}
		for _, m := range a.YMarks {
			if m.At >= ys.min && m.At <= ys.max {
				left, right, above, below := c.Min.X+4*px, c.Max.X-4*px, y(m.At)+3*px, y(m.At)-17*px
				markLabel(c, m.Label, []labelPlace{
					{vg.Point{X: right, Y: above}, draw.XRight}, {vg.Point{X: right, Y: below}, draw.XRight},
					{vg.Point{X: left, Y: above}, draw.XLeft}, {vg.Point{X: left, Y: below}, draw.XLeft},
				})
				c.StrokeLine2(s, c.Min.X, y(m.At), c.Max.X, y(m.At))
			}
		}
		for _, m := range a.XMarks {
			if m.At >= xs.min && m.At <= xs.max {
				left, right, top, bottom := x(m.At)-5*px, x(m.At)+5*px, c.Max.Y-18*px, c.Min.Y+4*px
				markLabel(c, m.Label, []labelPlace{
					{vg.Point{X: right, Y: top}, draw.XLeft}, {vg.Point{X: left, Y: top}, draw.XRight},
					{vg.Point{X: right, Y: bottom}, draw.XLeft}, {vg.Point{X: left, Y: bottom}, draw.XRight},
				})
				c.StrokeLine2(s, x(m.At), c.Min.Y, x(m.At), c.Max.Y)
			}
		}
	}
}

// labelPlace is where a label can stand.
type labelPlace struct {
	at    vg.Point
	align draw.XAlignment
}

// markLabel writes a small label in the place inside the frame where it covers least, and makes
// what lies under it faint. Of equal places it takes the first.
func markLabel(c draw.Canvas, txt string, places []labelPlace) {
	if txt == "" {
		return
	}
	s := style(tickSize, ink)
	least := math.Inf(1)
	var best labelPlace
	var under vg.Rectangle
	for i, p := range places {
		s.XAlign = p.align
		box := s.Rectangle(txt).Add(p.at)
		box.Min.X -= 2 * px
		box.Max.X += 2 * px
		const much = 1e9 // more than any picture's ink
		ink := inkIn(c, box)
		if i > 0 && (box.Min.X < c.Min.X || box.Max.X > c.Max.X || box.Min.Y < c.Min.Y || box.Max.Y > c.Max.Y) {
			ink += much
		}
		if ink < least {
			least, best, under = ink, p, box
		}
	}
	fade(c, under, 0.3)
	s.XAlign = best.align
	c.FillText(s, best.at, txt)
}
