//go:build long

package mcmc

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

func TestLongEquilibriumOfDW4(t *testing.T) {
	dw4 := target.DW4()
	const n = 24000
	batch, _, err := Equilibrium(context.Background(), dw4, n, Auto, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "⟨u⟩", stats.Mean(target.Energies(dw4, batch), nil, stats.Bootstrap{}), -22.540, 0.003)
	within(t, "virial", stats.Mean(target.Virials(dw4, batch), nil, stats.Bootstrap{}), 6, 0)
	shares := target.LongPairShares(batch, dw4.Cutoff())
	for k, want := range []float64{.0006, .0397, .4064, .0348, .5176, .0009} {
		// Six configurations of a chain, 500 steps apart, are about as good as three independent
		// ones.
		share := stats.Estimate{Value: shares[k], Error: math.Sqrt(want * 2 / n)}
		within(t, fmt.Sprintf("share of k = %d", k), share, want, 0)
	}
}

func TestLongEquilibriumOfLJ13(t *testing.T) {
	for name, want := range map[string]float64{"lj13": -42.8, "lj13-pairs": 0.53} {
		lj, err := target.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		batch, _, err := Equilibrium(context.Background(), lj, 4000, Auto, 3, nil)
		if err != nil {
			t.Fatal(err)
		}
		within(t, name+" ⟨u⟩", stats.Mean(target.Energies(lj, batch), nil, stats.Bootstrap{}), want, 0.2)
		within(t, name+" virial", stats.Mean(target.Virials(lj, batch), nil, stats.Bootstrap{}), 36, 0)
	}
}

func TestLongLogZOfDW4(t *testing.T) {
	found, err := Annealing{Chains: 40000, Rungs: 2000, Seed: 1}.LogZ(context.Background(), target.DW4())
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%+v, ESS %g", found.LogZ, found.ESS); math.Abs(found.LogZ.Value-29.667) > 0.02 {
		t.Errorf("log Z = %+v, want 29.667 ± 0.02", found.LogZ)
	}
}
