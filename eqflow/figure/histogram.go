package figure

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Sample is a set of numbers whose distribution is drawn.
type Sample struct {
	Name    string
	Values  []float64
	Weights []float64 // nil: all alike; otherwise not negative, one per value
	Filled  bool      // as a grey area instead of a line, for the reference that others are compared with
}

// What lies beyond tailShare of a sample on either side, or farther from its middle half than tailWidths times the width of
// that half, is outside the automatic range: a generator's few overlaps would otherwise stretch the axis by orders of
// magnitude. A normal distribution is within 4.7 standard deviations then.
const tailShare, tailWidths = 0.002, 3.0

// Histogram draws normalised densities of samples over common bins as steps. Without a range the bins leave out
// far tails; what lies outside still counts in the normalisation, and from half a percent
// on the legend says how much it is. bins of 0 means 60.
func Histogram(a Axes, bins int, samples ...Sample) Figure {
	if bins <= 0 {
		bins = 60
	}
	if len(samples) == 0 {
		return a.fail("no samples; give at least one")
	}
	data := emptySpan()
	for i, s := range samples {
		if err := s.check(); err != nil {
			return a.fail("sample %d %q: %w", i+1, s.Name, err)
		}
		s.bulk(&data)
	}
	xs := choose(a.XRange, data, 0, false)
	if xs.min == xs.max {
		xs = xs.padded(0.05, false)
	}
	edges := make([]float64, bins+1)
	for k := range edges {
		edges[k] = xs.min + (xs.max-xs.min)*float64(k)/float64(bins)
	}
	ys := emptySpan()
	var drawings []drawing
	var entries []entry
	lines := 0
	for _, s := range samples {
		density, outside := s.density(edges)
		ys.add(density...)
		clr := mix(axisInk, paper, 0.45)
		if !s.Filled {
			clr = Color(lines)
			lines++
		}
		name := s.Name
		if name != "" && outside >= 0.005 {
			name += fmt.Sprintf(" (%.2g %% outside)", 100*outside)
		}
		drawings = append(drawings, steps(edges, density, s.Filled, clr))
		entries = append(entries, entry{name, stepThumb(s.Filled, clr)})
	}
	return a.figure(framed(a.Title, entries, a.plot(xs, a.densityRange(ys), drawings...)))
}

// densityRange begins at 0, or on a logarithmic axis four decades under the highest bin.
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
		s = choose(a.YRange, s, 0, a.LogY)
	}
	if a.LogY && s.min <= 0 {
		s.min = floor
	}
	return s
}

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
		return fmt.Errorf("has no weight at all; check the weights")
	}
	return nil
}

func (s Sample) weight(i int) float64 {
	if s.Weights == nil {
		return 1
	}
	return s.Weights[i]
}

// bulk widens the range to the sample without its tails and infinities.
func (s Sample) bulk(to *span) {
	values := slices.DeleteFunc(slices.Clone(s.Values), func(v float64) bool { return !finite(v) })
	if len(values) == 0 {
		return
	}
	slices.Sort(values)
	cut := int(tailShare * float64(len(values)))
	low, high := values[cut], values[len(values)-1-cut]
	q1, q3 := values[len(values)/4], values[len(values)-1-len(values)/4]
	if reach := tailWidths * (q3 - q1); reach > 0 {
		low, high = math.Max(low, q1-reach), math.Min(high, q3+reach)
	}
	to.add(low, high)
}

// density is the weight per unit length in every bin, and the share of weight outside all.
func (s Sample) density(edges []float64) (density []float64, outside float64) {
	bins := len(edges) - 1
	density = make([]float64, bins)
	from, width := edges[0], (edges[bins]-edges[0])/float64(bins)
	total := 0.0
	for i, v := range s.Values {
		w := s.weight(i)
		total += w
		switch k := math.Floor((v - from) / width); {
		case v == edges[bins]:
			density[bins-1] += w
		case k >= 0 && k < float64(bins):
			density[int(k)] += w
		default:
			outside += w
		}
	}
	for k := range density {
		density[k] /= total * width
	}
	return density, outside / total
}

// steps draws the outline of bins, down to the axis at both ends.
func steps(edges, heights []float64, filled bool, clr color.NRGBA) drawing {
	return func(c draw.Canvas, x, y func(float64) vg.Length) {
		height := func(v float64) vg.Length {
			if v <= 0 { // a logarithmic axis has no zero
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

func stepThumb(filled bool, clr color.NRGBA) func(draw.Canvas, vg.Rectangle) {
	return func(c draw.Canvas, box vg.Rectangle) {
		if filled {
			fill(c, block(box), clr)
			return
		}
		from, to := middle(box)
		c.StrokeLines(line(2*px, clr, false), []vg.Point{from, to})
	}
}
