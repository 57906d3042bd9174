package particle

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"
)

// Every pair has the distance that AlignRelabelled finds with all permutations, and no larger one
// than ShapeDistances.
func TestLeastShapeDistances(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		n, d int
		r    Relabelling
	}{
		{4, 2, Relabelling{}}, {4, 3, Relabelling{}}, {3, 1, Relabelling{}},
		{5, 3, Relabelling{Types: []int{0, 0, 1, 1, 1}}},
	} {
		x, y := NewBatch(5, c.n, c.d), NewBatch(4, c.n, c.d)
		for _, b := range []Batch{x, y} {
			for k := range b.X {
				b.X[k] = rng.NormFloat64()
			}
		}
		least, err := LeastShapeDistances(context.Background(), x, y, c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		published, err := ShapeDistances(context.Background(), x, y, c.r, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			for j := range y.Len() {
				got := least[i*y.Len()+j]
				want := math.Sqrt(AlignRelabelled(x.At(i), y.At(j), c.d, c.r, true).SquaredDistance)
				if bound := published[i*y.Len()+j]; math.Abs(got-want) > 1e-6 || got > bound+1e-6 {
					t.Errorf("%d particles in %d dimensions: %g, want %g, at most %g", c.n, c.d, got, want, bound)
				}
			}
		}
	}
	seven := NewBatch(1, 7, 2)
	if _, err := LeastShapeDistances(context.Background(), seven, seven, Relabelling{}, nil); err == nil {
		t.Error("seven particles have too many permutations")
	}
}
