//go:build long

package measure_test

import (
	"context"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The distance between two independent MCMC runs is that of a perfect sampler from a reference.
// Published figures cannot be lower.
func TestLongFloors(t *testing.T) {
	for _, c := range []struct {
		target   target.Target
		size     int
		lo, hi   float64 // of energy-W2
		loW, hiW float64 // of W2
	}{
		{target.DW4(), 1000, 0.05, 0.25, 0.2, 0.6},
		{target.DW4(), 2000, 0.03, 0.20, 0.2, 0.5},
		{target.LJ13(), 1000, 0.1, 1.0, 1.0, 1.7},
		{target.LJ13(), 2000, 0.1, 0.8, 1.0, 1.7},
	} {
		var samples [2]measure.Sample
		for k := range samples {
			batch, _, err := mcmc.Equilibrium(context.Background(), c.target, c.size, mcmc.Auto, uint64(k+1), nil)
			if err != nil {
				t.Fatal(err)
			}
			samples[k] = measure.Sample{X: batch, Energy: make([]float64, batch.Len())}
			for i := range samples[k].Energy {
				samples[k].Energy[i] = c.target.EnergyForces(batch.At(i), nil)
			}
		}
		d, err := measure.Comparison{Size: c.size}.Compare(context.Background(), samples[0], samples[1])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s, %d: energy-W2 %.3f, W2 %.3f, distance-W2 %.4f, total variation %.4f",
			c.target.Name(), c.size, d.EnergyW2, d.W2, d.DistanceW2, d.TotalVariation)
		if d.EnergyW2 < c.lo || d.EnergyW2 > c.hi || d.W2 < c.loW || d.W2 > c.hiW {
			t.Errorf("%s, %d: energy-W2 %.3f and W2 %.3f, expected %g … %g and %g … %g",
				c.target.Name(), c.size, d.EnergyW2, d.W2, c.lo, c.hi, c.loW, c.hiW)
		}
	}
}
