package protocol

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// probesOfMany is the number of probes that estimate the divergence of LJ55's flow. The exact
// divergence takes 162.
const probesOfMany = 2

// ShippedOfMany returns the generator of LJ55 that comes with eqflow. Its densities are estimates.
func (l *Lab) ShippedOfMany() Trained {
	t := l.Shipped("lj55")
	if err := t.SetDivergence(engine.Divergence{Probes: probesOfMany, Seed: 1}); err != nil {
		panic(err)
	}
	return t
}

// TemperedOfMany returns configurations of LJ55 by parallel tempering.
func (l *Lab) TemperedOfMany() particle.Batch {
	return l.session.EquilibriumBy(mcmc.SamplerTempering, "lj55", target.LJ55(), l.size(1000, 200), 107)
}

// ManyTable shows the distances of raw samples of LJ55 from the data, the distances between two
// sets of MCMC samples, and published distances.
func (l *Lab) ManyTable(t Trained, x particle.Batch) figure.Table {
	s := l.Draws(t)
	u, _ := EnergyAndVirial(t.Target, x)
	own, _ := EnergyAndVirial(t.Target, s.X)
	d := l.distances(t.Target, s, x, halfOf(s))
	return figure.NewTable([]string{"", "samples", "⟨u⟩ / kT", "W2", "energy-W2 / kT"},
		[]any{
			"eqflow's EGNN", s.X.Len(), plusMinus(own),
			fmt.Sprintf("%.2f", d.W2), fmt.Sprintf("%.1f ± %.1f", d.EnergyW2, d.EnergyW2Spread),
		},
		[]any{
			"MCMC, against itself", x.Len(), plusMinus(u),
			fmt.Sprintf("%.2f", d.W2Floor), fmt.Sprintf("%.1f", d.EnergyW2Floor),
		},
		[]any{"Adjoint Sampling, published", "2000", "", "4.04", "30.8"},
		[]any{"ASBS, published", "2000", "", "4.00", "28.1"})
}

// ManyClaims states the claims about the data and the generator of LJ55.
func (l *Lab) ManyClaims(t Trained, x particle.Batch) {
	_, virial := EnergyAndVirial(t.Target, x)
	exact := float64(t.Prior.DegreesOfFreedom())
	l.Claim("LJ55 data: virial", fmt.Sprintf("%.0f, within 3 s.e.", exact),
		math.Abs(virial.Value-exact) <= 3*virial.Error, "%.1f ± %.1f", virial.Value, virial.Error)
	s := l.Draws(t)
	d := l.distances(t.Target, s, x, halfOf(s))
	l.Claim("LJ55: energy-W2 of raw samples / kT", "≤ 28", d.EnergyW2 <= 28,
		"%.1f ± %.1f of %d, MCMC against itself %.1f", d.EnergyW2, d.EnergyW2Spread, d.Compared, d.EnergyW2Floor)
	l.Claim("LJ55: ESS / %, no weight cut", Shown, true,
		"%.2f of %d, by %d probes", 100*effectiveShare(s), s.X.Len(), t.Divergence().Probes)
}
