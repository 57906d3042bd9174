package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.6g, want %.6g ± %.2g", what, got, want, tolerance)
	}
}

// dumbbells returns pairs in the plane with the given lengths and random orientations. Their energy
// is the length.
func dumbbells(rng *rand.Rand, lengths []float64) Sample {
	b := particle.NewBatch(len(lengths), 2, 2)
	for i, l := range lengths {
		x := b.At(i)
		x[2] = l
		particle.Rotate(x, particle.RandomRotation(rng, 2, true), 2)
		particle.Translate(x, []float64{rng.NormFloat64(), 3})
	}
	return Sample{X: b, Energy: slices.Clone(lengths)}
}

// lengths returns n uniform random numbers between from and from+1.
func lengths(rng *rand.Rand, n int, from float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + rng.Float64()
	}
	return out
}

// The only shape coordinate of a dumbbell is its length. All distances are therefore distances of
// lengths, and W2 is smaller by 1/√2.
func TestDistancesOfDumbbells(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, y := dumbbells(rng, lengths(rng, 300, 2)), dumbbells(rng, lengths(rng, 300, 4))
	d, err := Comparison{}.Compare(context.Background(), x, y)
	if err != nil {
		t.Fatal(err)
	}
	want := stats.Wasserstein(2, x.Energy, nil, y.Energy, nil)
	near(t, "compared", float64(d.Compared), 300, 0)
	near(t, "energy-W2", d.EnergyW2, want, 1e-12)
	near(t, "distance-W2", d.DistanceW2, want, 1e-9)
	near(t, "W2", d.W2, want/math.Sqrt2, 1e-9)
	if !math.IsNaN(d.EnergyW2Reweighted+d.DistanceW2Reweighted) || !math.IsNaN(d.TotalVariationReweighted) {
		t.Errorf("without weights, the reweighted distances are %+v", d)
	}
	x.LogWeight = make([]float64, 300)
	if d, err = (Comparison{}).Compare(context.Background(), x, y); err != nil {
		t.Fatal(err)
	}
	near(t, "reweighted with equal weights", d.EnergyW2Reweighted, d.EnergyW2, 1e-12)
	if !math.IsNaN(d.W2Floor) || !math.IsNaN(d.EnergyW2Spread) {
		t.Errorf("300 of 300 have a floor %g and a spread %g", d.W2Floor, d.EnergyW2Spread)
	}
}

// A sample from the distribution of the reference has the distance of the floor. So does a wider
// sample whose weights select this distribution.
func TestFloorsAndWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	reference := dumbbells(rng, lengths(rng, 2000, 2))
	d, err := Comparison{Size: 200}.Compare(context.Background(), dumbbells(rng, lengths(rng, 1000, 2)), reference)
	if err != nil {
		t.Fatal(err)
	}
	// W2 of two sets of n uniform numbers is near (1/(3n))^½ = 0.04: the integral of a squared
	// Brownian bridge, 1/(6n), for either set.
	for what, pair := range map[string][2]float64{
		"W2":          {d.W2 * math.Sqrt2, d.W2Floor * math.Sqrt2},
		"energy-W2":   {d.EnergyW2, d.EnergyW2Floor},
		"distance-W2": {d.DistanceW2, d.DistanceW2Floor},
	} {
		if pair[0] < 0.005 || pair[0] > 0.15 || pair[1] < 0.005 || pair[1] > 0.15 {
			t.Errorf("%s is %g with a floor of %g", what, pair[0], pair[1])
		}
	}
	if d.TotalVariation > 2.5*d.TotalVariationFloor || d.EnergyW2Spread > 0.1 {
		t.Errorf("total variation %g, floor %g; spread %g", d.TotalVariation, d.TotalVariationFloor, d.EnergyW2Spread)
	}
	wide := dumbbells(rng, append(lengths(rng, 1000, 2), lengths(rng, 1000, 5)...))
	wide.LogWeight = make([]float64, 2000)
	for i := 1000; i < 2000; i++ {
		wide.LogWeight[i] = math.Inf(-1)
	}
	if d, err = (Comparison{Size: 500}).Compare(context.Background(), wide, reference); err != nil {
		t.Fatal(err)
	}
	if d.EnergyW2Reweighted > 0.1 || d.DistanceW2Reweighted > 0.1 ||
		d.TotalVariationReweighted > 1.2*d.TotalVariationFloor || d.EnergyW2 < 1.5 || d.EnergyW2Spread > 0.2 {
		t.Errorf("with weights: %+v", d)
	}
}

// Half of the distances of the sample are inside the range of the reference, in bins where the
// reference has none. Half of the mass therefore differs.
func TestTotalVariation(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	reference := dumbbells(rng, []float64{1, 1.001, 2, 2.001})
	near(t, "half elsewhere", totalVariation(dumbbells(rng, []float64{1, 2, 1.5, 1.502}), reference), 0.5, 1e-12)
	near(t, "itself", totalVariation(reference, reference), 0, 1e-12)
	// Distances outside the range are ignored, as in the published definition.
	near(t, "outside", totalVariation(dumbbells(rng, []float64{1, 2, 9, 9}), reference), 0, 1e-12)
}

func TestCompareRefusesAndStops(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	x := dumbbells(rng, lengths(rng, 10, 2))
	other := Sample{X: particle.NewBatch(10, 3, 2), Energy: make([]float64, 10)}
	_, err := Comparison{}.Compare(context.Background(), x, other)
	if err == nil || !strings.Contains(err.Error(), "2 particles in 2") {
		t.Errorf("another system: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Comparison{}).Compare(ctx, x, x); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context ended: %v", err)
	}
}

// Uniformly distributed particles in a large ball have a flat g(r) = (n−1)/volume at short
// distances.
func TestRadialDistributionOfAnIdealGas(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	const n, size = 6, 20000
	b := particle.NewBatch(size, n, 3)
	for i := 0; i < len(b.X); i += 3 {
		for p := b.X[i : i+3]; ; {
			square := 0.0
			for k := range p {
				p[k] = 2*rng.Float64() - 1
				square += p[k] * p[k]
			}
			if square < 1 {
				break
			}
		}
	}
	gas := Sample{X: b, Energy: make([]float64, size)}
	all := RadialDistributions(gas, gas, particle.Relabelling{})
	mixed := RadialDistributions(gas, gas, particle.Relabelling{Types: []int{0, 0, 0, 0, 1, 1}})
	if len(all) != 1 || len(mixed) != 3 || mixed[1].Types != "0-1" {
		t.Fatalf("%d and %d functions", len(all), len(mixed))
	}
	// g(r) is the number of other particles of a type per volume. At r = 0.31 the fraction 9/16·r
	// of them would lie outside the ball.
	const bin = 15
	r := all[0].R[bin]
	inside := (1 - 9.0/16*r + r*r*r/32) / (4 * math.Pi / 3)
	for what, c := range map[string]struct {
		of     RadialDistribution
		others float64
	}{"all": {all[0], 5}, "0-0": {mixed[0], 3}, "0-1": {mixed[1], 2}, "1-1": {mixed[2], 1}} {
		g := c.of.G[bin]
		near(t, "g of "+what, g.Value, c.others*inside, 4*g.Error+0.002*c.others*inside)
		if g.Error > 0.15*g.Value {
			t.Errorf("g of %s has the error %g", what, g.Error)
		}
	}
}

// F = −ln p of a uniform density on [2, 3] is zero. Weights that double the density of one half
// lower F there by ln 2, less the change of the norm.
func TestFreeEnergy(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	reference := dumbbells(rng, lengths(rng, 20000, 2))
	sample := dumbbells(rng, lengths(rng, 20000, 2))
	sample.LogWeight = make([]float64, 20000)
	for i, l := range sample.Energy {
		if l > 2.5 {
			sample.LogWeight[i] = math.Ln2
		}
	}
	v, err := ParseVariable("length = d(0,1)", 2, 2)
	if err != nil {
		t.Fatal(err)
	}
	v.Edges = stats.Linspace(2, 3, 5)
	p, err := v.FreeEnergy(sample, reference, stats.Bootstrap{})
	if err != nil || p.Variable != "length" || len(p.Free) != 4 {
		t.Fatalf("%+v, %v", p, err)
	}
	for k, f := range p.Free {
		want := -math.Log([]float64{2. / 3, 2. / 3, 4. / 3, 4. / 3}[k])
		near(t, "reweighted", f.Value, want, 4*f.Error)
		near(t, "reference", p.Reference[k].Value, 0, 4*p.Reference[k].Error)
		near(t, "error", p.Reference[k].Error, math.Sqrt(0.75/0.25/20000), 0.004)
	}
	if sigmas, kT := p.LargestDeviation(); kT < 0.3 || kT > 0.5 || sigmas < 10 {
		t.Errorf("the largest deviation is %g standard errors and %g kT", sigmas, kT)
	}
}

func TestParseVariable(t *testing.T) {
	// The chain 0-1-2 has a right angle, and particle 3 lies above particle 2. All values are
	// known.
	x := []float64{1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 2, 1}
	for text, want := range map[string]float64{
		"d(0,1)": 1, "angle(0,1,2)": 90, "dihedral(0,1,2,3)": 90, "distances[0]": 1,
		"count(distances, # > 2.1)": 3, "max(d(0,1), d(1,2)) / 2": 1, "u": -7, "d(0,1) > 3": 0,
		"long = d(1,2) >= 2 ? 1 : 0": 1, "x == 1": math.NaN(),
		"rg": particle.RadiusOfGyration(x, 3),
	} {
		v, err := ParseVariable(text, 4, 3)
		if math.IsNaN(want) {
			if err == nil {
				t.Errorf("%q is accepted", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		near(t, text, math.Abs(v.Value(x, -7)), math.Abs(want), 1e-9)
	}
	for _, text := range []string{"", "d(0)", "d(0,4)", "distances", "d(0,1", "\"a\""} {
		if _, err := ParseVariable(text, 4, 3); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// An integer variable has one bin for each integer. The bins of other variables exclude outliers.
func TestEdges(t *testing.T) {
	if e := edgesFor([]float64{0, 1, 3}, []float64{2, 5}); len(e) != 7 || e[0] != -0.5 || e[6] != 5.5 {
		t.Errorf("edges of 0 … 5: %v", e)
	}
	values := []float64{math.Inf(1), math.NaN(), 1e9}
	for k := range 1000 {
		values = append(values, float64(k)/1000)
	}
	if e := edgesFor(values, nil); len(e) != 21 || e[20] > 1 {
		t.Errorf("edges of [0, 1] and an outlier: %v", e)
	}
	if e := edgesFor(nil, nil); len(e) != 2 {
		t.Errorf("edges without values: %v", e)
	}
}
