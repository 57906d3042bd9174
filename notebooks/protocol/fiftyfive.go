package protocol

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// probesOfMany estimate the divergence of LJ55's flow, whose exact one takes 162 directions.
const probesOfMany = 2

// ShippedOfMany is the generator of LJ55 that comes with eqflow. Its densities are estimates here.
func (l *Lab) ShippedOfMany() Trained {
	t := l.Shipped("lj55")
	if err := t.SetDivergence(engine.Divergence{Probes: probesOfMany, Seed: 1}); err != nil {
		panic(err)
	}
	return t
}

// TemperedOfMany are configurations of LJ55 by parallel tempering.
func (l *Lab) TemperedOfMany() particle.Batch {
	t := target.LJ55()
	return l.cachedOf(t, "lj55", 107, func(progress func(done, total int)) (particle.Batch, error) {
		x, _, err := mcmc.Equilibrium(context.Background(), t, l.size(1000, 200), mcmc.SamplerTempering, 107, progress)
		return x, err
	})
}

// ManyTable is what raw samples of LJ55 are judged by, with what MCMC has against itself, and the published figures.
func (l *Lab) ManyTable(t Trained, x particle.Batch) figure.Table {
	s := l.Draws(t)
	u, _ := EnergyAndVirial(t.Target, x)
	own, _ := EnergyAndVirial(t.Target, s.X)
	d := l.distances(t.Target, s, x, compared(s))
	return figure.NewTable([]string{"", "samples", "⟨u⟩ / kT", "W2", "energy-W2 / kT"},
		[]any{"eqflow's EGNN", s.X.Len(), u4(own), fmt.Sprintf("%.2f", d.W2), fmt.Sprintf("%.1f ± %.1f", d.EnergyW2, d.EnergyW2Spread)},
		[]any{"MCMC, against itself", x.Len(), u4(u), fmt.Sprintf("%.2f", d.W2Floor), fmt.Sprintf("%.1f", d.EnergyW2Floor)},
		[]any{"Adjoint Sampling, published", "2000", "", "4.04", "30.8"}, []any{"ASBS, published", "2000", "", "4.00", "28.1"})
}

// ManyClaims are what data and generator of LJ55 are held to.
func (l *Lab) ManyClaims(t Trained, x particle.Batch) {
	_, virial := EnergyAndVirial(t.Target, x)
	exact := float64(t.Prior.DegreesOfFreedom())
	l.Claim("LJ55 data: virial", fmt.Sprintf("%.0f, within 3 s.e.", exact), math.Abs(virial.Value-exact) <= 3*virial.Error, "%.1f ± %.1f", virial.Value, virial.Error)
	s := l.Draws(t)
	d := l.distances(t.Target, s, x, compared(s))
	l.Claim("LJ55: energy-W2 of raw samples / kT", "≤ 28", d.EnergyW2 <= 28, "%.1f ± %.1f of %d, MCMC against itself %.1f", d.EnergyW2, d.EnergyW2Spread, d.Compared, d.EnergyW2Floor)
	l.Claim("LJ55: ESS / %, no weight cut", Shown, true, "%.2f of %d, by %d probes", 100*essOf(s), s.X.Len(), t.Divergence().Probes)
}
