package figure

import (
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// FreeEnergy draws a free energy along a collective variable beside the reference's, with bands of one standard error. Empty
// bins are left out.
func FreeEnergy(p measure.Profile) Figure {
	a := Axes{Name: "free energy " + p.Variable, X: p.Variable, Y: "free energy / kT"}
	return besides(a, p.Middles, p.Free, p.Reference)
}

// Radial draws a radial distribution function beside the reference's, with bands of one standard error.
func Radial(r measure.RadialDistribution) Figure {
	a := Axes{Name: "radial distribution " + r.Types, X: "r", Y: "g(r)"}
	if r.Types != "all" {
		a.Title = "types " + r.Types
	}
	return besides(a, r.R, r.G, r.Reference)
}

func besides(a Axes, x []float64, sample, reference []stats.Estimate) Figure {
	var series []Series
	for _, s := range []Series{curve("reference", x, reference), curve("reweighted samples", x, sample)} {
		if len(s.X) > 0 {
			series = append(series, s)
		}
	}
	if len(series) > 0 {
		series[0].Style = Dashed
	}
	return Lines(a, series...)
}

// curve is the estimates that are finite.
func curve(name string, x []float64, y []stats.Estimate) Series {
	s := Series{Name: name}
	for k, e := range y {
		if finite(e.Value) && finite(e.Error) {
			s.X, s.Y, s.YErr = append(s.X, x[k]), append(s.Y, e.Value), append(s.YErr, e.Error)
		}
	}
	return s
}
