package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Sample is a set of weighted numbers whose distribution is drawn.
type Sample struct {
	Name    string
	Values  []float64
	Weights []float64 // not negative, one per value; nil for equal weights
	Filled  bool      // a grey area instead of a line, for a reference
}

// The automatic range excludes the fraction tailFraction of a sample on either side. It also
// excludes values farther from the interquartile range than tailWidths times its width. Otherwise a
// few overlapping particles in the samples of a generator would stretch the axis by orders of
// magnitude. For a normal distribution the range is ±4.7 standard deviations.
const tailFraction, tailWidths = 0.002, 3.0

// Histogram draws the normalised densities of samples as steps over common bins, with bands of one
// standard error. bins of 0 means 30. Without a range the bins exclude far tails. Values outside
// still count in the normalisation, and the legend shows their fraction if it is at least 0.5 %.
func Histogram(a Axes, bins int, samples ...Sample) Figure {
	if bins <= 0 {
		bins = 30
	}
	if len(samples) == 0 {
		return a.fail("no samples; give at least one")
	}
	data := emptySpan()
	for i, s := range samples {
		if err := s.check(); err != nil {
			return a.fail("sample %d %q: %w", i+1, s.Name, err)
		}
		s.addBulk(&data)
	}
	xs := axisRange(a.XRange, data, 0, false)
	if xs.min == xs.max {
		xs = xs.padded(0.05, false)
	}
	edges := stats.Linspace(xs.min, xs.max, bins+1)
	ys := emptySpan()
	var drawings []drawing
	var entries []legendEntry
	names := make([]string, len(samples))
	for i, s := range samples {
		if names[i] = s.Name; s.Filled {
			names[i] = "reference" // which leaves the palette to the lines
		}
	}
	lines := colours(names)
	for i, s := range samples {
		density, errors, outside := s.density(edges)
		ys.add(density...)
		clr := translucent(axisInk, 0.5)
		if !s.Filled {
			clr = lines[i]
			drawings = append(drawings, stepBand(edges, density, errors, translucent(clr, 0.25)))
		}
		name := s.Name
		if name != "" && outside >= 0.005 {
			name += fmt.Sprintf(" (%.2g %% outside)", 100*outside)
		}
		drawings = append(drawings, stepOutline(edges, density, s.Filled, clr))
		entries = append(entries, legendEntry{name, stepSymbol(s.Filled, clr)})
	}
	return a.framed(entries, a.plot(xs, a.densityRange(ys), drawings...))
}

// densityRange returns the vertical range. It begins at 0, or on a logarithmic axis four decades
// below the highest bin.
func (a Axes) densityRange(ys span) span {
	if ys.max <= 0 {
		ys.max = 1
	}
	floor := 0.0
	if a.LogY {
		floor = ys.max / 1e4
	}
	s := span{floor, ys.max * 1.06}
	if a.YRange != [2]float64{} {
		s = axisRange(a.YRange, s, 0, a.LogY)
	}
	if a.LogY && s.min <= 0 {
		s.min = floor
	}
	return s
}

// check returns an error for a sample that cannot be drawn.
func (s Sample) check() error {
	if len(s.Values) == 0 {
		return fmt.Errorf("is empty; give at least one value")
	}
	if s.Weights != nil && len(s.Weights) != len(s.Values) {
		return fmt.Errorf("has %d values and %d weights; give as many of each", len(s.Values), len(s.Weights))
	}
	total := 0.0
	for i, v := range s.Values {
		if math.IsNaN(v) {
			return fmt.Errorf("value %d is NaN; leave it out", i)
		}
		if s.Weights != nil && !(s.Weights[i] >= 0 && finite(s.Weights[i])) {
			return fmt.Errorf("weight %d is %g; weights are finite and not negative", i, s.Weights[i])
		}
		total += s.weight(i)
	}
	if total == 0 {
		return fmt.Errorf("has only zero weights; check the weights")
	}
	return nil
}

func (s Sample) weight(i int) float64 {
	if s.Weights == nil {
		return 1
	}
	return s.Weights[i]
}

// addBulk extends the range to the finite values of the sample without its tails.
func (s Sample) addBulk(to *span) {
	values := slices.DeleteFunc(slices.Clone(s.Values), func(v float64) bool { return !finite(v) })
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	cut := int(tailFraction * float64(len(values)))
	low, high := values[cut], values[len(values)-1-cut]
	q1, q3 := values[len(values)/4], values[len(values)-1-len(values)/4]
	if reach := tailWidths * (q3 - q1); reach > 0 {
		low, high = math.Max(low, q1-reach), math.Min(high, q3+reach)
	}
	to.add(low, high)
}

// density returns the density in every bin with its standard error for independent values, and the
// fraction of the weight outside all bins.
func (s Sample) density(edges []float64) (density, errors []float64, outside float64) {
	bins := len(edges) - 1
	density, errors = make([]float64, bins), make([]float64, bins)
	add := func(k int, w float64) { density[k], errors[k] = density[k]+w, errors[k]+w*w }
	from, width := edges[0], (edges[bins]-edges[0])/float64(bins)
	total := 0.0
	for i, v := range s.Values {
		w := s.weight(i)
		total += w
		switch k := math.Floor((v - from) / width); {
		case v == edges[bins]:
			add(bins-1, w)
		case k >= 0 && k < float64(bins):
			add(int(k), w)
		default:
			outside += w
		}
	}
	for k := range density {
		density[k], errors[k] = density[k]/(total*width), math.Sqrt(errors[k])/(total*width)
	}
	return density, errors, outside / total
}

// stepBand draws one standard error above and below the outline of bins.
func stepBand(edges, heights, errors []float64, clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		within := func(v float64) vg.Length {
			if v <= 0 {
				return c.Min.Y
			}
			return min(max(y(v), c.Min.Y), c.Max.Y)
		}
		for k, v := range heights {
			fill(c, vg.Rectangle{
				Min: vg.Point{X: x(edges[k]), Y: within(v - errors[k])},
				Max: vg.Point{X: x(edges[k+1]), Y: within(v + errors[k])},
			}, clr)
		}
	}
}

// stepOutline draws the outline of bins, down to the axis at both ends.
func stepOutline(edges, heights []float64, filled bool, clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		height := func(v float64) vg.Length {
			if v <= 0 { // zero is infinitely far down a logarithmic axis
				return c.Min.Y
			}
			return max(y(v), c.Min.Y)
		}
		points := []vg.Point{{X: x(edges[0]), Y: c.Min.Y}}
		for k, v := range heights {
			points = append(points, vg.Point{X: x(edges[k]), Y: height(v)}, vg.Point{X: x(edges[k+1]), Y: height(v)})
		}
		points = append(points, vg.Point{X: x(edges[len(edges)-1]), Y: c.Min.Y})
		if filled {
			c.FillPolygon(clr, c.ClipPolygonXY(points))
			return
		}
		c.StrokeLines(line(2*px, clr, false), c.ClipLinesXY(points)...)
	}
}

// stepSymbol returns the legend symbol of a histogram or of bars.
func stepSymbol(filled bool, clr color.NRGBA) func(draw.Canvas, vg.Rectangle) {
	return func(c draw.Canvas, box vg.Rectangle) {
		if filled {
			fill(c, blockIn(box), clr)
			return
		}
		from, to := midline(box)
		c.StrokeLines(line(2*px, clr, false), []vg.Point{from, to})
	}
}
