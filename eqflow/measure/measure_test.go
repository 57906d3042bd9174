package measure

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
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

// dumbbells are pairs in the plane of the given lengths, turned at random; their energy is the length.
func dumbbells(rng *rand.Rand, lengths []float64) Sample {
	b := particle.NewBatch(len(lengths), 2, 2)
	for i, l := range lengths {
		x := b.At(i)
		x[2] = l
		particle.Rotate(x, particle.RandomRotation(rng, 2, true), 2)
		particle.Translate(x, []float64{rng.NormFloat64(), 3})
	}
	return Sample{X: b, Energy: append([]float64(nil), lengths...)}
}

func lengths(rng *rand.Rand, n int, from float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + rng.Float64()
	}
	return out
}

// Dumbbells have one shape coordinate, their length: all distances are those of lengths in one dimension, W2 by 1/√2 less.
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
	near(t, "reweighted by nothing", d.EnergyW2Reweighted, d.EnergyW2, 1e-12)
	if !math.IsNaN(d.W2Floor) || !math.IsNaN(d.EnergyW2Spread) {
		t.Errorf("300 of 300 have a floor %g and a spread %g", d.W2Floor, d.EnergyW2Spread)
	}
}

// A sample of the reference's own distribution lies at the floor; weights that pick its half out move it there.
func TestFloorsAndWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	reference := dumbbells(rng, lengths(rng, 2000, 2))
	d, err := Comparison{Size: 200}.Compare(context.Background(), dumbbells(rng, lengths(rng, 1000, 2)), reference)
	if err != nil {
		t.Fatal(err)
	}
	// W2 of two sets of n uniform numbers is near (1/(3n))^½ = 0.04 (the area of a Brownian bridge's square, twice 1/6n).
	for what, pair := range map[string][2]float64{"W2": {d.W2 * math.Sqrt2, d.W2Floor * math.Sqrt2}, "energy-W2": {d.EnergyW2, d.EnergyW2Floor}, "distance-W2": {d.DistanceW2, d.DistanceW2Floor}} {
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
	if d.EnergyW2Reweighted > 0.1 || d.DistanceW2Reweighted > 0.1 || d.TotalVariationReweighted > 1.2*d.TotalVariationFloor || d.EnergyW2Spread < 0.5 {
		t.Errorf("weights leave %+v", d)
	}
}

// Half of the sample's distances are where the reference has none, but inside its range: half of the mass differs.
func TestTotalVariation(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	reference := dumbbells(rng, []float64{1, 1.001, 2, 2.001})
	near(t, "half elsewhere", totalVariation(dumbbells(rng, []float64{1, 2, 1.5, 1.502}), reference), 0.5, 1e-12)
	near(t, "itself", totalVariation(reference, reference), 0, 1e-12)
	// What lies outside is left out, as in the published definition.
	near(t, "outside", totalVariation(dumbbells(rng, []float64{1, 2, 9, 9}), reference), 0, 1e-12)
}

func TestCompareRefusesAndStops(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 1))
	x := dumbbells(rng, lengths(rng, 10, 2))
	other := Sample{X: particle.NewBatch(10, 3, 2), Energy: make([]float64, 10)}
	if _, err := (Comparison{}).Compare(context.Background(), x, other); err == nil || !strings.Contains(err.Error(), "2 particles in 2") {
		t.Errorf("another system: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (Comparison{}).Compare(ctx, x, x); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// Particles spread evenly through a large ball have a flat g(r) = (n−1)/volume at short distances.
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
	if len(all) != 1 || len(mixed) != 3 || mixed[1].Of != "0-1" {
		t.Fatalf("%d and %d functions", len(all), len(mixed))
	}
	// Others of a type per volume; the bin at r = 0.31 loses 9/16·r of them over the ball's surface.
	const bin = 15
	r := all[0].R[bin]
	inside := (1 - 9.0/16*r + r*r*r/32) / (4 * math.Pi / 3)
	for what, c := range map[string]struct {
		of     Radial
		others float64
	}{"all": {all[0], 5}, "0-0": {mixed[0], 3}, "0-1": {mixed[1], 2}, "1-1": {mixed[2], 1}} {
		g := c.of.G[bin]
		near(t, "g of "+what, g.Value, c.others*inside, 4*g.Error+0.002*c.others*inside)
		if g.Error > 0.15*g.Value {
			t.Errorf("g of %s has the error %g", what, g.Error)
		}
	}
}

// F = −ln p of a uniform density is zero; weights that double the density of a half lower it there by ln 2 less the norm.
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
	if sigmas, kT := p.Worst(); kT < 0.3 || kT > 0.5 || sigmas < 10 {
		t.Errorf("the worst are %g standard errors and %g kT", sigmas, kT)
	}
}

func TestParseVariable(t *testing.T) {
	// A bent chain 0-1-2 with a right angle, and 3 above it: all numbers are known.
	x := []float64{1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 2, 1}
	for text, want := range map[string]float64{
		"d(0,1)": 1, "angle(0,1,2)": 90, "dihedral(0,1,2,3)": 90, "distances[0]": 1, "count(distances, # > 2.1)": 3,
		"max(d(0,1), d(1,2)) / 2": 1, "u": -7, "d(0,1) > 3": 0, "long = d(1,2) >= 2 ? 1 : 0": 1, "x == 1": math.NaN(),
		"rg": particle.RadiusOfGyration(x, 3),
	} {
		v, err := ParseVariable(text, 4, 3)
		if math.IsNaN(want) {
			if err == nil {
				t.Errorf("%q is no error", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		near(t, text, math.Abs(v.Of(x, -7)), math.Abs(want), 1e-9)
	}
	for _, text := range []string{"", "d(0)", "d(0,4)", "distances", "d(0,1", "\"a\""} {
		if _, err := ParseVariable(text, 4, 3); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
}

// Discrete variables have a bin for each value; others leave the outermost out.
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
		t.Errorf("edges of nothing: %v", e)
	}
}
