package figure

import (
	"math"
	"testing"
)

// falling returns losses that fall from 12 to 1, as those of a plain flow do.
func falling(n int) Series {
	s := Series{X: ramp(n)}
	for i := range n {
		s.Y = append(s.Y, 1+11*math.Exp(-float64(i)/float64(n)*5))
	}
	return s
}

// The axis of a learning curve is that of the losses from 1 to 12, whatever an outlier is, and what
// is cut is said. Without outliers the axis is that of all losses, which zeros stand for.
func TestLossesSetTheirAxis(t *testing.T) {
	with := func(at int, outlier float64) Series {
		s := falling(400)
		s.Y[at] = outlier
		return s
	}
	for name, c := range map[string]struct {
		series   []Series
		low, top span // in which the limits lie
		cut      int
	}{
		"none":             {[]Series{falling(400)}, span{}, span{}, 0},
		"early":            {[]Series{with(0, 40)}, span{0, 1}, span{11.5, 12.6}, 1},
		"early, below":     {[]Series{with(2, -300)}, span{0, 1}, span{12, 12.6}, 1},
		"late":             {[]Series{with(300, 1e6)}, span{0, 1}, span{12, 12.6}, 1},
		"both":             {[]Series{with(0, 40), with(300, -40)}, span{0, 1}, span{12, 12.6}, 2},
		"of two trainings": {[]Series{falling(400), with(1, 1e9)}, span{0, 1}, span{12, 12.6}, 1},
		"few losses":       {[]Series{{X: ramp(4), Y: []float64{400, 3, 2, 1}}}, span{}, span{}, 0},
		"equal losses":     {[]Series{{X: ramp(20), Y: make([]float64, 20)}}, span{}, span{}, 0},
	} {
		limits, cut := lossRange(c.series)
		if limits[0] < c.low.min || limits[0] > c.low.max || limits[1] < c.top.min || limits[1] > c.top.max {
			t.Errorf("%s: from %g to %g", name, limits[0], limits[1])
		}
		if len(cut) != c.cut {
			t.Errorf("%s: %d remarks on what is cut, want %d", name, len(cut), c.cut)
		}
	}
	if f := LearningCurves(Axes{}, LearningCurve{Steps: ramp(2), Train: []float64{1, math.NaN()}}); f.Err() == nil {
		t.Error("a loss that is NaN is drawn")
	}
}
