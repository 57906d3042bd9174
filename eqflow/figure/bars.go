package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// BarSeries is a series of bars of one colour, one bar per label. Where a value is NaN, the text
// Missing replaces the bar.
type BarSeries struct {
	Name       string
	Values     []float64
	Err        []float64 // half-length of error bars; nil for none
	ShowValues bool      // writes the number over each bar
	Missing    string
	// Seeds are the values of each label over seeds. They are marks on one line, at the place of
	// the bar. Values and Err may be nil; the number over the marks is then their mean. A mark at
	// zero, which a logarithmic axis does not have, is a ring on the axis.
	Seeds [][]float64
}

// Bars draws groups of bars, one group per label. On a logarithmic axis, bars begin a little below
// the smallest positive value, and a zero is written as a number without a bar.
func Bars(a Axes, labels []string, series ...BarSeries) Figure {
	series = slices.Clone(series)
	if len(labels) == 0 || len(series) == 0 {
		return a.fail("%d labels and %d series; give at least one of each", len(labels), len(series))
	}
	ys := emptySpan()
	for i, s := range series {
		if s.Seeds != nil {
			s = s.withMeans(len(labels))
			series[i] = s
		}
		if err := s.check(a, len(labels), &ys); err != nil {
			return a.fail("series %q: %w", s.Name, err)
		}
	}
	ys = a.barRange(ys)
	xs := span{-0.5, float64(len(labels)) - 0.5}
	var drawings []drawing
	var entries []legendEntry
	names := make([]string, len(series))
	for i, s := range series {
		names[i] = s.Name
	}
	for i, clr := range colours(names) {
		drawings = append(drawings, series[i].bars(a.LogY, i, len(series), ys, clr))
		symbol := stepSymbol(true, clr)
		if a.LogY {
			symbol = Series{Style: Points}.symbol(clr)
		}
		entries = append(entries, legendEntry{series[i].Name, symbol})
	}
	a.noVertical = true
	p := a.plot(xs, ys, drawings...)
	p.X.Tick.Marker = categoryTicks(labels)
	p.X.Tick.Color = color.Transparent
	return a.framed(entries, p)
}

// withMeans returns the series with the means over seeds for its missing values, NaN without seeds.
func (s BarSeries) withMeans(n int) BarSeries {
	if s.Values != nil {
		return s
	}
	s.Values = make([]float64, n)
	for k := range s.Values {
		s.Values[k] = math.NaN()
		if k < len(s.Seeds) && len(s.Seeds[k]) > 0 {
			s.Values[k] = stat.Mean(s.Seeds[k], nil)
		}
	}
	return s
}

// seedsAt returns the values of a label over seeds.
func (s BarSeries) seedsAt(k int) []float64 {
	if s.Seeds == nil {
		return nil
	}
	return s.Seeds[k]
}

// check returns an error for a series that cannot be drawn, and extends ys to its values.
func (s BarSeries) check(a Axes, n int, ys *span) error {
	if len(s.Values) != n || (s.Err != nil && len(s.Err) != n) {
		return fmt.Errorf("has %d values and %d errors for %d labels; give one for each", len(s.Values), len(s.Err), n)
	}
	if s.Seeds != nil && len(s.Seeds) != n {
		return fmt.Errorf("has seeds for %d of %d labels; give a list for each", len(s.Seeds), n)
	}
	for i, v := range s.Values {
		for _, seed := range s.seedsAt(i) {
			if !finite(seed) || (a.LogY && seed < 0) {
				return fmt.Errorf("a seed of label %d has the value %g, which cannot be shown; leave it out", i, seed)
			}
			if !a.LogY || seed > 0 {
				ys.add(seed)
			}
		}
		if math.IsNaN(v) {
			continue
		}
		low, high := v-s.errorAt(i), v+s.errorAt(i)
		if !finite(low) || !finite(high) {
			return fmt.Errorf("value %d is %g ± %g; leave it out as NaN", i, v, s.errorAt(i))
		}
		if a.LogY && v < 0 {
			return fmt.Errorf("value %d is %g, which a logarithmic axis cannot show; use a linear axis", i, v)
		}
		if !a.LogY || v > 0 {
			ys.add(v, high)
		}
		if !a.LogY || low > 0 {
			ys.add(low)
		}
	}
	return nil
}

// errorAt returns the error of a value, and 0 without errors.
func (s BarSeries) errorAt(i int) float64 {
	if s.Err == nil {
		return 0
	}
	return s.Err[i]
}

// barRange returns the vertical range for values in ys. A linear axis includes zero. The range
// leaves room for the numbers over the bars.
func (a Axes) barRange(ys span) span {
	if ys.min > ys.max {
		ys = span{1, 1} // all values are zero or missing
	}
	if a.YRange != [2]float64{} {
		return axisRange(a.YRange, ys, 0, a.LogY)
	}
	if a.LogY {
		return span{ys.min / 2, ys.max * math.Pow(ys.max/ys.min, 0.08) * 1.3}
	}
	ys.add(0)
	room := 0.09 * (ys.max - ys.min)
	if ys.max > 0 {
		ys.max += room
	}
	if ys.min < 0 {
		ys.min -= room
	}
	return ys
}

// bars draws the series, which is number i of count. On a logarithmic axis, which has no zero for a
// bar to begin at, the values are dots.
func (s BarSeries) bars(log bool, i, count int, ys span, clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		group := x(1) - x(0)
		width := min(group*0.78/vg.Length(count), 70*px)
		base := ys.min
		if !log {
			base = math.Max(ys.min, math.Min(0, ys.max))
		}
		for k, v := range s.Values {
			left := x(float64(k)) + width*(vg.Length(i)-vg.Length(count)/2)
			if math.IsNaN(v) {
				at := vg.Point{X: left + width/2, Y: y(base) + 4*px}
				centred(c, style(12*px, axisInk), at, draw.YBottom, s.Missing)
				continue
			}
			top := base
			if !log || v > 0 {
				top = math.Max(ys.min, math.Min(v, ys.max))
			}
			bar := vg.Rectangle{
				Min: vg.Point{X: left + px, Y: min(y(base), y(top))},
				Max: vg.Point{X: left + width - px, Y: max(y(base), y(top))},
			}
			if seeds := s.seedsAt(k); len(seeds) > 0 {
				if !log {
					fill(c, bar, translucent(clr, 0.25))
				}
				highest := seedMarks(c, left+width/2, seeds, log, y(base), y, clr)
				bar.Max.Y = max(bar.Max.Y, highest)
			} else if log && v > 0 {
				const radius = 4.5 * px
				disc(c, vg.Point{X: left + width/2, Y: y(top)}, radius, clr)
				bar.Max.Y = y(top) + radius
			} else if !log {
				s.fill(c, bar, k, clr)
			}
			s.annotate(c, bar, k, v < 0, log, ys, y, clr)
		}
		c.StrokeLine2(line(px, axisInk, false), c.Min.X, y(base), c.Max.X, y(base))
	}
}

// seedMarks draws a mark for every seed on one vertical line, and returns the top of the highest.
func seedMarks(
	c draw.Canvas, x vg.Length, seeds []float64, log bool, base vg.Length, y func(float64) vg.Length, clr color.NRGBA,
) vg.Length {
	const radius = 4 * px
	at := func(v float64) vg.Point {
		if log && v == 0 {
			return vg.Point{X: x, Y: base}
		}
		return vg.Point{X: x, Y: y(v)}
	}
	lowest, highest := at(slices.Min(seeds)), at(slices.Max(seeds))
	c.StrokeLines(line(1.5*px, clr, false), c.ClipLinesXY([]vg.Point{lowest, highest})...)
	for _, v := range seeds {
		switch p := at(v); {
		case log && v == 0:
			ring(c, p, clr)
		case c.Contains(p):
			disc(c, p, radius, translucent(clr, 0.65)) // darker where seeds agree
		}
	}
	return highest.Y + radius
}

// fill fills a bar. A bar with an error is pale with an outline, since the error bar begins inside.
func (s BarSeries) fill(c draw.Canvas, bar vg.Rectangle, k int, clr color.NRGBA) {
	if s.errorAt(k) == 0 {
		fill(c, bar, clr)
		return
	}
	fill(c, bar, translucent(clr, 0.45))
	c.StrokeLines(line(1.5*px, clr, false), []vg.Point{
		bar.Min, {X: bar.Min.X, Y: bar.Max.Y}, bar.Max, {X: bar.Max.X, Y: bar.Min.Y}, bar.Min,
	})
}

// annotate adds error bar and number of value k. below says that the bar points downwards.
func (s BarSeries) annotate(
	c draw.Canvas, bar vg.Rectangle, k int, below, log bool, ys span, y func(float64) vg.Length, clr color.NRGBA,
) {
	center := (bar.Min.X + bar.Max.X) / 2
	v, e := s.Values[k], s.errorAt(k)
	end := bar.Max.Y
	if below {
		end = bar.Min.Y
	}
	if e > 0 {
		low, high := math.Max(v-e, ys.min), math.Min(v+e, ys.max)
		errorBar(c, vg.Point{X: center, Y: y(low)}, vg.Point{X: center, Y: y(high)}, clr)
		if end = y(high); below {
			end = y(low)
		}
	}
	if !s.ShowValues && !(log && v == 0) {
		return
	}
	txt, number := style(12*px, ink), compactNumber(v)
	if e > 0 {
		number = roundToError(v, e)
	}
	if below {
		centred(c, txt, vg.Point{X: center, Y: end - px}, draw.YTop, number)
		return
	}
	centred(c, txt, vg.Point{X: center, Y: end + 4*px}, draw.YBottom, number)
}

// roundToError formats a number with as many decimals as its error justifies.
func roundToError(v, e float64) string { return stats.Round(v, stats.Decimals(e)) }

// compactNumber formats integers below a million in full and other numbers with three digits.
func compactNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 {
		return withMinusSign(strconv.FormatFloat(v, 'f', 0, 64))
	}
	return withMinusSign(strconv.FormatFloat(v, 'g', 3, 64))
}
