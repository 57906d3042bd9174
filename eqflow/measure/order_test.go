package measure

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// A file whose states follow each other has the distances of a shuffled file: dumbbells of length 2
// to 3 and 5 to 6, once with all short dumbbells first. The first 100 of them would have a W2 of 2.
func TestOrderPlaysNoPart(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	both := func() []float64 { return append(lengths(rng, 500, 2), lengths(rng, 500, 5)...) }
	ordered := both()
	mixed := slices.Clone(ordered)
	rng.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	for name, c := range map[string]struct{ sample, reference []float64 }{
		"ordered sample":    {ordered, mixed},
		"ordered reference": {mixed, ordered},
		"both ordered":      {ordered, both()},
		"both shuffled":     {mixed, mixed},
	} {
		sample, reference := dumbbells(rng, c.sample), dumbbells(rng, c.reference)
		d, err := Comparison{Size: 100}.Compare(context.Background(), sample, reference)
		if err != nil {
			t.Fatal(err)
		}
		// Two sets of 100 differ by 10 or so in the number of long dumbbells, which moves a tenth
		// of them by 3.
		for what, w2 := range map[string]float64{
			"energy-W2": d.EnergyW2, "its floor": d.EnergyW2Floor, "distance-W2": d.DistanceW2,
			"W2": d.W2 * math.Sqrt2, "its floor ": d.W2Floor * math.Sqrt2,
		} {
			if !(w2 < 1.4) {
				t.Errorf("%s: %s is %.2f", name, what, w2)
			}
		}
	}
}

func TestSeedSelectsTheSubsets(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 1))
	x, y := dumbbells(rng, lengths(rng, 300, 2)), dumbbells(rng, lengths(rng, 300, 2))
	distances := func(size int, seed uint64) Distances {
		d, err := Comparison{Size: size, Seed: seed}.Compare(context.Background(), x, y)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if distances(50, 0).W2 != distances(50, 0).W2 || distances(50, 0).W2 == distances(50, 1).W2 {
		t.Error("the subsets do not follow from the seed")
	}
	if distances(300, 0).W2 != distances(300, 1).W2 {
		t.Error("all configurations have another order with another seed")
	}
}

func TestShuffledPartsAreDisjoint(t *testing.T) {
	s := dumbbells(rand.New(rand.NewPCG(1, 1)), stats.Linspace(1, 10, 10))
	var all []float64
	for _, part := range s.shuffled(3, 5, 1, 1) {
		if !slices.IsSorted(part.Energy) || part.X.Len() != 3 {
			t.Errorf("a part is %v", part.Energy)
		}
		all = append(all, part.Energy...)
	}
	slices.Sort(all)
	if len(slices.Compact(all)) != 9 {
		t.Errorf("three parts of three have %v", all)
	}
	if whole := s.shuffled(10, 5, 1, 1); len(whole) != 1 || !slices.Equal(whole[0].X.X, s.X.X) {
		t.Error("a part with all configurations is not the sample")
	}
}

// The least W2 is no larger than W2, which relabels before it rotates. It is missing where the
// relabellings are too many.
func TestLeastW2(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 1))
	cloud := func(size, n int) Sample {
		b := particle.NewBatch(size, n, 2)
		for k := range b.X {
			b.X[k] = rng.NormFloat64()
		}
		return Sample{X: b, Energy: make([]float64, size)}
	}
	compare := func(c Comparison, n int) Distances {
		d, err := c.Compare(context.Background(), cloud(40, n), cloud(80, n))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := compare(Comparison{Size: 40, Least: true}, 4); !(d.W2Least < d.W2) || !(d.W2LeastFloor < d.W2Floor) {
		t.Errorf("W2 is %g, the least %g; floors %g and %g", d.W2, d.W2Least, d.W2Floor, d.W2LeastFloor)
	}
	for n, least := range map[int]bool{4: false, 7: true} {
		if d := compare(Comparison{Size: 40, Least: least}, n); !math.IsNaN(d.W2Least) || !math.IsNaN(d.W2LeastFloor) {
			t.Errorf("%d particles have a least W2 of %g", n, d.W2Least)
		}
	}
}

func TestCompareNeedsOneNumberPerConfiguration(t *testing.T) {
	x := dumbbells(rand.New(rand.NewPCG(1, 1)), []float64{1, 2, 3})
	short := x
	short.LogWeight = []float64{0, 0}
	_, err := Comparison{}.Compare(context.Background(), short, x)
	if err == nil || !strings.Contains(err.Error(), "2 log-w") {
		t.Errorf("two log-weights of three: %v", err)
	}
}

func TestVariablesWithoutValues(t *testing.T) {
	s := dumbbells(rand.New(rand.NewPCG(1, 1)), []float64{1, 2, 3, 4})
	for expression, c := range map[string]struct {
		without int
		refused bool
	}{
		"d(0,1)": {0, false}, "d(0,1)/0": {4, true}, "(d(0,1) - d(0,1))/0": {4, true},
		"d(0,1) > 2.5 ? 1 : 1/(d(0,1) - d(0,1))": {2, false},
	} {
		v := Variable{Expression: expression}
		without, err := v.Check(s)
		_, profile := v.FreeEnergy(s, s, stats.Bootstrap{})
		if without != c.without || (err != nil) != c.refused || (profile != nil) != c.refused {
			t.Errorf("%s: %d without a value, %v, %v", expression, without, err, profile)
		}
	}
	if sigmas, kT := (Profile{}).LargestDeviation(); !math.IsNaN(sigmas) || !math.IsNaN(kT) {
		t.Errorf("no bin has a deviation of %g kT, %g standard errors", kT, sigmas)
	}
}
