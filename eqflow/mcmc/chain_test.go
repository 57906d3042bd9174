package mcmc

import (
	"context"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The mean energy of the chain of four beads is known exactly, and so is the share of its trans
// form, across a barrier of 4.5 kT.
func TestTemperingReproducesTheChain(t *testing.T) {
	chain, err := target.Parse("chain4")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := Defaults(chain, 600, Auto, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := plan.Move.(Tempering); !ok {
		t.Errorf("the default move is %T", plan.Move)
	}
	batch, _, err := Run(context.Background(), chain, plan.Move, plan.Start, plan.Settings)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "⟨u⟩", stats.Mean(target.Energies(chain, batch), nil, stats.Bootstrap{}), chain.Reference().MeanEnergy, 0)
	trans := make([]float64, batch.Len())
	for i := range trans {
		x := batch.At(i)
		if math.Abs(particle.Dihedral(x[:3], x[3:6], x[6:9], x[9:])) > 2*math.Pi/3 {
			trans[i] = 1
		}
	}
	within(t, "trans", stats.Mean(trans, nil, stats.Bootstrap{}), transShare(), 0)
}

// transShare is ∫ exp(−V) dφ over (120°, 180°), divided by the integral over (0, 180°), with V = 1
// + cos φ + 2 (1 + cos 3φ).
func transShare() float64 {
	var inside, all float64
	for k := range 20000 {
		phi := math.Pi * (float64(k) + 0.5) / 20000
		w := math.Exp(-(1 + math.Cos(phi) + 2*(1+math.Cos(3*phi))))
		all += w
		if phi > 2*math.Pi/3 {
			inside += w
		}
	}
	return inside / all
}
