package prior_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/prior"
)

// Two particles on a line have one degree of freedom, their distance over √2.
func ExampleMeanFree() {
	p := prior.MeanFree{N: 2, D: 1}
	fmt.Printf("%d degree of freedom, entropy %.4f nats\n", p.DegreesOfFreedom(), p.Entropy())
	origin, apart := p.LogDensity([]float64{0, 0}), p.LogDensity([]float64{-1, 1})
	fmt.Printf("log-density %.4f at the origin, %.4f at distance 2\n", origin, apart)
	z := p.Sample(rand.New(rand.NewPCG(1, 1)), 3)
	fmt.Printf("%d draws, the first with mean zero: %t\n", z.Len(), math.Abs(z.At(0)[0]+z.At(0)[1]) < 1e-15)
	// Output:
	// 1 degree of freedom, entropy 1.4189 nats
	// log-density -0.9189 at the origin, -1.9189 at distance 2
	// 3 draws, the first with mean zero: true
}
