package engine

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Probes are orthogonal and mean-free, and their squared length is the dimension of the subspace.
func TestProbesAreOrthogonal(t *testing.T) {
	for k, p := range orthogonalProbes(rand.New(rand.NewPCG(1, 1)), 35, 13, 3) {
		sum, square := [3]float64{}, 0.0
		for j, v := range p {
			sum[j%3] += v
			square += v * v
		}
		if math.Abs(square-36) > 1e-10 || math.Abs(sum[0])+math.Abs(sum[1])+math.Abs(sum[2]) > 1e-12 {
			t.Errorf("vector %d has the squared length %g and the sums %v", k, square, sum)
		}
		for l, q := range orthogonalProbes(rand.New(rand.NewPCG(1, 1)), k, 13, 3) {
			dot := 0.0
			for j := range p {
				dot += p[j] * q[j]
			}
			if math.Abs(dot) > 1e-11 {
				t.Fatalf("vectors %d and %d have the scalar product %g", k, l, dot)
			}
		}
	}
}
