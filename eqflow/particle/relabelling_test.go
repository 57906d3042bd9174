package particle

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// relabellings are examples, with the number of permutations of five particles that each allows.
var relabellings = map[string]struct {
	Relabelling
	count int
}{
	"all":               {Relabelling{}, 120},
	"one type":          {Relabelling{Types: []int{7, 7, 7, 7, 7}}, 120},
	"two types":         {Relabelling{Types: []int{0, 1, 0, 1, 1}}, 12},
	"all different":     {Relabelling{Types: []int{4, 3, 2, 1, 0}}, 1},
	"chain":             {Relabelling{Chain: true}, 2},
	"palindromic chain": {Relabelling{Types: []int{1, 0, 2, 0, 1}, Chain: true}, 2},
	"directed chain":    {Relabelling{Types: []int{1, 0, 0, 0, 0}, Chain: true}, 1},
}

// Exactly the allowed permutations preserve the roles of particles and pairs.
func TestRolesAreTheRelabellings(t *testing.T) {
	const n = 5
	for name, r := range relabellings {
		particles, pairs := r.Roles(n)
		role := func(i, j int) int {
			return pairs[slices.Index(Pairs(n), [2]int{min(i, j), max(i, j)})]
		}
		count := 0
		permutations(n, func(perm []int) {
			preserved := true
			for i := range n {
				preserved = preserved && particles[i] == particles[perm[i]]
				for j := range i {
					preserved = preserved && role(i, j) == role(perm[i], perm[j])
				}
			}
			if preserved {
				count++
			}
			if preserved != r.Allows(perm) {
				t.Fatalf("%s: %v preserves the roles: %v; is allowed: %v", name, perm, preserved, r.Allows(perm))
			}
		})
		if count != r.count {
			t.Errorf("%s: %d relabellings, want %d", name, count, r.count)
		}
	}
}

func TestRandomRelabellingsAreUniform(t *testing.T) {
	const n, draws = 5, 6000
	rng := rand.New(rand.NewPCG(1, 1))
	for name, r := range relabellings {
		seen := map[[n]int]int{}
		for range draws {
			perm := r.Random(rng, n)
			if !r.Allows(perm) {
				t.Fatalf("%s: drew %v", name, perm)
			}
			seen[[n]int(perm)]++
		}
		for _, times := range seen {
			mean := draws / float64(r.count)
			near(t, name+", draws of one permutation", float64(times), mean, 5*math.Sqrt(mean))
		}
		if len(seen) != r.count {
			t.Errorf("%s: %d of %d permutations were drawn", name, len(seen), r.count)
		}
	}
}

func TestBestRelabelling(t *testing.T) {
	const n = 5
	rng := rand.New(rand.NewPCG(2, 1))
	for name, r := range relabellings {
		c := r.relabeller(n)
		for range 20 {
			cost := draw(rng, n*n)
			least := math.Inf(1)
			permutations(n, func(perm []int) {
				if r.Allows(perm) {
					least = min(least, c.total(cost, perm))
				}
			})
			got := c.cheapest(cost)
			if !r.Allows(got) {
				t.Fatalf("%s: chose %v", name, got)
			}
			near(t, name+" cost", c.total(cost, got), least, 1e-12)
		}
	}
}

func TestNuclearNorm(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	flat := draw(rng, 9)
	copy(flat[6:], flat[:3]) // of rank two
	line := make([]float64, 9)
	for k := range line {
		line[k] = flat[k/3] * flat[3+k%3] // of rank one
	}
	for what, a := range map[string][]float64{
		"general": draw(rng, 9), "rank two": flat, "rank one": line, "zero": make([]float64, 9),
		"reflection": {1, 0, 0, 0, 1, 0, 0, 0, -1}, "2×2": draw(rng, 4),
	} {
		d := int(math.Sqrt(float64(len(a))))
		var svd mat.SVD
		svd.Factorize(mat.NewDense(d, d, slices.Clone(a)), mat.SVDNone)
		want := 0.0
		for _, s := range svd.Values(nil) {
			want += s
		}
		near(t, what, nuclearNorm(a, d), want, 1e-7*(want+1e-9))
	}
}

func shapeDistance(t *testing.T, x, y []float64, d int, r Relabelling) float64 {
	t.Helper()
	m, err := ShapeDistances(context.Background(), Batch{x, len(x) / d, d}, Batch{y, len(x) / d, d}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m[0]
}

func TestShapeDistances(t *testing.T) {
	// The ends of two aligned dumbbells of lengths 1 and 3 are 1 apart, in any orientation.
	dumbbells := shapeDistance(t, []float64{0, 0, 1, 0}, []float64{5, 5, 5, 8}, 2, Relabelling{})
	near(t, "dumbbells", dumbbells, math.Sqrt(2), 1e-9)
	rng := rand.New(rand.NewPCG(4, 1))
	for _, d := range []int{2, 3} {
		x, y := draw(rng, 5*d), draw(rng, 5*d)
		// If only one labelling is allowed, the least distance is Kabsch's.
		fixed := Relabelling{Types: []int{0, 1, 2, 3, 4}}
		near(t, "fixed labels", shapeDistance(t, x, y, d, fixed), math.Sqrt(Align(x, y, d, true).SquaredDistance), 1e-9)
		got := shapeDistance(t, x, y, d, Relabelling{})
		near(t, "symmetry", got, shapeDistance(t, y, x, d, Relabelling{}), 1e-9)
		if least := AlignRelabelled(x, y, d, Relabelling{}, true).SquaredDistance; got*got < least-1e-9 {
			t.Errorf("distance %g is below the least distance %g", got, math.Sqrt(least))
		}
	}
}

func TestShapeDistancesStop(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x := NewBatch(3, 2, 2)
	if _, err := ShapeDistances(ctx, x, x, Relabelling{}, nil); err == nil {
		t.Error("no error after the context ended")
	}
}
