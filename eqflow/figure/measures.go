package figure

import (
	"cmp"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// FreeEnergy draws the free energy of the reweighted samples along a collective variable, and that
// of the reference. Bands are one standard error wide on either side. Empty bins are left out.
func FreeEnergy(p measure.Profile) Figure {
	a := Axes{Name: "free energy " + p.Variable, X: p.Variable, Y: "free energy / kT"}
	return withReference(a, p.Middles, p.Free, p.Reference)
}

// RadialDistribution draws g(r) of the reweighted samples and of the reference, and their
// difference. Bands are one standard error wide on either side.
func RadialDistribution(r measure.RadialDistribution) Figure {
	a := Axes{Name: "radial distribution " + r.Types}
	if r.Types != "all" {
		a.Title = "types " + r.Types
	}
	return RadialDistributions(a, r, "reference", Curve{"reweighted samples", r.G})
}

// Curve is a function on a grid that others share, with its errors.
type Curve struct {
	Name   string
	Values []stats.Estimate
}

// RadialDistributions draws several g(r) on the grid of r beside its reference, whose name is
// given, and below them their differences from the reference. The labels of the axes are r's.
func RadialDistributions(a Axes, r measure.RadialDistribution, reference string, curves ...Curve) Figure {
	a.X, a.Y = "r (reduced units)", "g(r) (reduced units)"
	if r.Unit != "" {
		a.X, a.Y = "r / "+r.Unit, fmt.Sprintf("g(r) × %s^{%d}", r.Unit, r.Dim)
	}
	var series []Series
	for _, c := range curves {
		series = append(series, finiteSeries(c.Name, r.R, c.Values))
	}
	return WithDifference(a, finiteSeries(reference, r.R, r.Reference), series...)
}

// WithDifference draws series beside a reference, a dashed line, and in a panel below the
// differences of the series from the reference at the values of x that both have. The errors of the
// differences assume that the series are independent of the reference. Points outside a.XRange do
// not count.
func WithDifference(a Axes, reference Series, series ...Series) Figure {
	reference.Style = Dashed
	all := coloured(append([]Series{reference}, series...))
	var above, below []Series
	xs := emptySpan()
	for i, s := range all {
		if s = s.inside(a.XRange); len(s.X) == 0 {
			continue
		}
		xs.add(s.X...)
		above = append(above, s)
		if difference := s.minus(reference); i > 0 && len(difference.X) > 0 {
			below = append(below, difference)
		}
	}
	if len(below) == 0 {
		return Lines(a, above...)
	}
	if a.XRange == [2]float64{} {
		a.XRange = [2]float64{xs.min, xs.max}
	}
	bottom := a
	bottom.Title, bottom.Y, bottom.Height = "", "difference", cmp.Or(a.Height, defaultHeight)/2
	bottom.YRange, bottom.LogY, bottom.YMarks = [2]float64{}, false, []Mark{{At: 0}}
	a.X = ""
	return Grid(a.name(), 1, Lines(a, above...), Lines(bottom, below...))
}

// inside returns the points of a series in a range, if that is one.
func (s Series) inside(limits [2]float64) Series {
	if limits == [2]float64{} {
		return s
	}
	out := s
	out.X, out.Y, out.YErr = nil, nil, nil
	for i, x := range s.X {
		if x >= limits[0] && x <= limits[1] {
			out.add(x, s.Y[i], s.errorAt(i))
		}
	}
	return out
}

// minus returns the difference of two series where both have points, under no name.
func (s Series) minus(reference Series) Series {
	at := map[float64]int{}
	for i, x := range reference.X {
		at[x] = i
	}
	out := Series{Color: s.Color}
	for i, x := range s.X {
		if k, ok := at[x]; ok {
			out.add(x, s.Y[i]-reference.Y[k], math.Hypot(s.errorAt(i), reference.errorAt(k)))
		}
	}
	return out
}

func (s *Series) add(x, y, err float64) {
	s.X, s.Y, s.YErr = append(s.X, x), append(s.Y, y), append(s.YErr, err)
}

func (s Series) errorAt(i int) float64 {
	if s.YErr == nil {
		return 0
	}
	return s.YErr[i]
}

// withReference draws the reference as a dashed line and the sample as a solid line.
func withReference(a Axes, x []float64, sample, reference []stats.Estimate) Figure {
	all := []Series{finiteSeries("reference", x, reference), finiteSeries("reweighted samples", x, sample)}
	var series []Series
	for _, s := range all {
		if len(s.X) > 0 {
			series = append(series, s)
		}
	}
	if len(series) > 0 {
		series[0].Style = Dashed
	}
	return Lines(a, series...)
}

// finiteSeries returns the finite estimates as a series.
func finiteSeries(name string, x []float64, y []stats.Estimate) Series {
	s := Series{Name: name}
	for k, e := range y {
		if finite(e.Value) && finite(e.Error) {
			s.X, s.Y, s.YErr = append(s.X, x[k]), append(s.Y, e.Value), append(s.YErr, e.Error)
		}
	}
	return s
}
