package mcmc

import (
	"context"
	"math"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// TestOwnSystemHasTheRightEnergy samples a trap given as a graph function. Its energy is half a χ²
// of (n−1)·d = 4 degrees of freedom: mean 2, variance 2.
func TestOwnSystemHasTheRightEnergy(t *testing.T) {
	own := target.MustFromGraph("trap", 3, 2, func(x *graph.Node) *graph.Node {
		return graph.MulScalar(graph.ReduceSum(graph.Square(particle.MeanFree(x)), -2, -1), 0.5)
	})
	settings := Settings{Chains: 512, Burn: 200, Keep: 4, Thin: 40, Adapt: true, Seed: 3}
	draw := func() particle.Batch {
		b, info, err := Run(context.Background(), own, MALA{H: 0.8}, RelaxedStart(own, 1), settings)
		if err != nil || info.Acceptance() < 0.3 {
			t.Fatalf("acceptance %.2f, %v", info.Acceptance(), err)
		}
		return b
	}
	first := draw()
	mean := 0.0
	for i := range first.Len() {
		mean += own.EnergyForces(first.At(i), nil) / float64(first.Len())
	}
	// The standard error of 2048 nearly independent values of variance 2 is 0.031.
	if math.Abs(mean-2) > 4*0.031 {
		t.Errorf("⟨u⟩ = %.3f, want 2", mean)
	}
	second := draw()
	for k, v := range first.X {
		if second.X[k] != v {
			t.Fatalf("coordinate %d is %.17g in one run and %.17g in another", k, v, second.X[k])
		}
	}
}
