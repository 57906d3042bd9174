package stats_test

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// The target is exp(−x²/2), whose normalisation is Z = √(2π), so that ln Z = 0.919. The samples are
// quantiles of the normalised density q = N(0, 1.1²), which is a little too wide.
func ExampleLogZ() {
	const n, width = 999, 1.1
	logW := make([]float64, n)
	for i := range logW {
		p := (float64(i) + 0.5) / n
		x := width * math.Sqrt2 * math.Erfinv(2*p-1)
		logQ := -x*x/(2*width*width) - math.Log(width*math.Sqrt(2*math.Pi))
		logW[i] = -x*x/2 - logQ
	}
	z := stats.LogZ(logW, stats.Bootstrap{Seed: 1})
	fmt.Printf("ln Z = %.3f ± %.3f\n", z.Value, z.Error)
	// Output: ln Z = 0.919 ± 0.004
}

// Two samples with the weights 1 and 3 are worth 4²/(1² + 3²) = 1.6 samples of equal weight.
func ExampleKishESS() {
	fmt.Printf("equal weights: %.1f\n", stats.KishESS([]float64{0, 0}))
	fmt.Printf("weights 1 and 3: %.1f\n", stats.KishESS([]float64{0, math.Log(3)}))
	// Output:
	// equal weights: 2.0
	// weights 1 and 3: 1.6
}

// A quarter of the weight is in state 0, so that its free energy is ln 4 = 1.39 kT.
func ExampleFreeEnergies() {
	states := []int{0, 1, 1, 0, 1, 1, 1, 1}
	for state, f := range stats.FreeEnergies(states, 2, nil, stats.Bootstrap{}) {
		fmt.Printf("state %d: %.2f kT\n", state, f.Value)
	}
	// Output:
	// state 0: 1.39 kT
	// state 1: 0.29 kT
}
