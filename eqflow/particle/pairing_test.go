package particle_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func normal(rng *rand.Rand, size, n, d int) particle.Batch {
	b := particle.NewBatch(size, n, d)
	for i := range b.X {
		b.X[i] = rng.NormFloat64()
	}
	return b.RemoveMean()
}

func cost(x, z particle.Batch) float64 {
	sum := 0.0
	for i := range x.X {
		sum += (x.X[i] - z.X[i]) * (x.X[i] - z.X[i])
	}
	return sum
}

// Pairing changes only order, orientation and labels of the configurations, and reduces the
// distance to x.
func TestPairBatchesPreservesShapesAndReducesTheDistance(t *testing.T) {
	for _, c := range []struct{ size, n, d int }{{70, 4, 2}, {20, 5, 3}} {
		rng := rand.New(rand.NewPCG(2, uint64(c.n)))
		x, z := normal(rng, c.size, c.n, c.d), normal(rng, c.size, c.n, c.d)
		got := particle.PairBatches(x, z, particle.Relabelling{})
		if before, after := cost(x, z), cost(x, got); !(after < before/2) {
			t.Errorf("%d×%d: cost %g became %g", c.n, c.d, before, after)
		}
		shapes := func(b particle.Batch) map[string]int {
			count := map[string]int{}
			for i := range b.Len() {
				key := ""
				for _, r := range particle.SortedDistances(b.At(i), c.d) {
					key += string(rune(math.Round(r * 1e4)))
				}
				count[key]++
			}
			return count
		}
		want := shapes(z)
		for key, times := range shapes(got) {
			if want[key] != times {
				t.Fatalf("%d×%d: a shape occurs %d times, want %d", c.n, c.d, times, want[key])
			}
		}
	}
}

// Copies that were shuffled, relabelled and rotated a little are paired exactly with their
// originals.
func TestPairBatchesFindsCopies(t *testing.T) {
	for _, d := range []int{2, 3} {
		rng := rand.New(rand.NewPCG(3, 3))
		x := normal(rng, 30, 4, d)
		z := x.Select(rng.Perm(x.Len()))
		rotation := []float64{math.Cos(0.1), -math.Sin(0.1), 0, math.Sin(0.1), math.Cos(0.1), 0, 0, 0, 1}
		if d == 2 {
			rotation = particle.Rotation2(0.1)
		}
		for i := range z.Len() {
			copy(z.At(i), particle.Relabel(z.At(i), d, rng.Perm(4)))
			particle.Rotate(z.At(i), rotation, d)
		}
		if got := cost(x, particle.PairBatches(x, z, particle.Relabelling{})); got > 1e-18*float64(len(x.X)) {
			t.Errorf("in %d dimensions the squared distance is %g, want 0", d, got)
		}
	}
}
