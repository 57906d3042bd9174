package figure

import (
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// FreeEnergy draws the free energy of the reweighted samples along a collective variable, and that
// of the reference. Bands are one standard error wide on either side. Empty bins are left out.
func FreeEnergy(p measure.Profile) Figure {
	a := Axes{Name: "free energy " + p.Variable, X: p.Variable, Y: "free energy / kT"}
	return withReference(a, p.Middles, p.Free, p.Reference)
}

// RadialDistribution draws g(r) of the reweighted samples and of the reference. Bands are one
// standard error wide on either side.
func RadialDistribution(r measure.RadialDistribution) Figure {
	a := Axes{Name: "radial distribution " + r.Types, X: "r", Y: "g(r)"}
	if r.Types != "all" {
		a.Title = "types " + r.Types
	}
	return withReference(a, r.R, r.G, r.Reference)
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
