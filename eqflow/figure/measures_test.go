package figure

import (
	"math"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// A difference exists where both have points, and its error is that of independent values: 3 and 4
// make 5.
func TestDifferenceOfSeries(t *testing.T) {
	reference := Series{X: []float64{1, 2, 4}, Y: []float64{10, 20, 40}, YErr: []float64{3, 0, 5}}
	got := Series{X: []float64{1, 3, 4}, Y: []float64{12, 30, 39}, YErr: []float64{4, 1, 12}}.minus(reference)
	want := Series{X: []float64{1, 4}, Y: []float64{2, -1}, YErr: []float64{5, 13}}
	if !slices.Equal(got.X, want.X) || !slices.Equal(got.Y, want.Y) || !slices.Equal(got.YErr, want.YErr) {
		t.Errorf("%v, want %v", got, want)
	}
	inside := got.inside([2]float64{0, 2})
	if !slices.Equal(inside.X, []float64{1}) || !slices.Equal(inside.YErr, []float64{5}) {
		t.Errorf("inside [0, 2] are %v", inside)
	}
}

// g(r) has the difference panel below it, on one axis of r, whose label names the unit.
func TestRadialDistributionHasItsDifference(t *testing.T) {
	r := measure.RadialDistribution{Types: "all", Dim: 3, Unit: "nm"}
	for k := range 50 {
		at := 0.1 * float64(k)
		g := stats.Estimate{Value: math.Exp(-(at - 2) * (at - 2)), Error: 0.01}
		known := stats.Estimate{Value: g.Value - 0.02, Error: 0.01}
		r.R, r.G, r.Reference = append(r.R, at), append(r.G, g), append(r.Reference, known)
	}
	single := Lines(Axes{}, Series{X: r.R, Y: r.R})
	f := RadialDistribution(r)
	if _, height := f.Size(); height <= int(single.height/px)*4/3 {
		t.Errorf("with its difference g(r) is %d pixels high", height)
	}
	axes := axisLines(f.image(192))
	lefts, widths := map[int]bool{}, map[int]bool{}
	for at, width := range axes {
		lefts[at.X], widths[width] = true, true
	}
	if len(lefts) != 1 || len(widths) != 1 || len(axes) < 2 {
		t.Errorf("the axes of both panels are %v", axes)
	}
	decode(t, f)
	r.Reference = nil // without a reference g(r) is alone
	if _, height := RadialDistribution(r).Size(); height != 430 {
		t.Errorf("without a reference g(r) is %d pixels high", height)
	}
}
