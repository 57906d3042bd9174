package freeenergy

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// traps are two harmonic traps. F_B − F_A is ½ (n−1) d ln(K_B/K_A).
func traps(ratio float64) (p Path, free float64) {
	const n, d = 4, 2
	p = Path{target.Harmonic{N: n, D: d, K: 1}, target.Harmonic{N: n, D: d, K: ratio}}
	return p, 0.5 * (n - 1) * d * math.Log(ratio)
}

func ladder(t *testing.T, p Path, rungs, n int) (l Ladder) {
	t.Helper()
	for k, lambda := range Lambdas(rungs) {
		r, err := p.Sample(context.Background(), lambda, n, uint64(k), nil)
		if err != nil {
			t.Fatal(err)
		}
		l = append(l, r)
	}
	return l
}

// Every method finds the difference between two traps within its error, and the error is small. A
// ratio of two would give perturbation from B weights of infinite variance.
func TestLadderOfTraps(t *testing.T) {
	p, want := traps(1.5)
	results, err := ladder(t, p, 5, 1500).Results(stats.Bootstrap{})
	if err != nil || len(results) != 4 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, r := range results {
		if math.Abs(r.Free.Value-want) > 4*r.Free.Error || r.Free.Error > 0.1 || r.Doubt != "" {
			t.Errorf("%s: %v, want %.4f; doubt %q", r.Method, r.Free, want, r.Doubt)
		}
	}
	if agree, why := Verdict(results); !agree || !strings.HasPrefix(why, "4 methods agree") {
		t.Errorf("%t: %s", agree, why)
	}
	shifted := append([]Result{{"wrong", stats.Estimate{Value: want + 1, Error: 0.01}, ""}}, results...)
	if agree, why := Verdict(shifted); agree || !strings.Contains(why, "wrong and ") {
		t.Errorf("with a wrong result: %t, %s", agree, why)
	}
	shifted[0].Doubt = "a reason"
	if agree, _ := Verdict(shifted); !agree {
		t.Error("a result in doubt counts")
	}
}

// A trap at 1.5 times its temperature is a trap of 1/1.5 times the strength, and the difference of
// its free energy is known. The ladder's text has each method with its error, and the verdict.
func TestTemperaturesOfATrap(t *testing.T) {
	const multiple = 1.5
	cold := target.Harmonic{N: 4, D: 2, K: 1}
	p := Path{cold, AtTemperature(cold, multiple)}
	x, forces, want := []float64{0.3, 0.1, -0.5, 0.2, 0.7, -0.4, -0.5, 0.1}, make([]float64, 8), make([]float64, 8)
	u, weak := p.B.EnergyForces(x, forces), target.Harmonic{N: 4, D: 2, K: 1 / multiple}.EnergyForces(x, want)
	for k := range want {
		if math.Abs(forces[k]-want[k]) > 1e-12 {
			t.Errorf("force %d is %g, want %g", k, forces[k], want[k])
		}
	}
	if math.Abs(u-weak) > 1e-12 || p.B.Name() != "harmonic4x2 at 1.5 T" {
		t.Errorf("u of %s is %g, want %g", p.B.Name(), u, weak)
	}
	d, err := ladder(t, p, 3, 1500).Compare(stats.Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	free := -0.5 * 6 * math.Log(multiple)
	for _, r := range d.Results {
		if math.Abs(r.Free.Value-free) > 4*r.Free.Error || r.Free.Error > 0.1 {
			t.Errorf("%s: %v, want %.4f", r.Method, r.Free, free)
		}
	}
	if r := d.Results[2]; d.Free() != r.Free || !strings.HasPrefix(r.Method, "MBAR") {
		t.Errorf("%v instead of %s, %v", d.Free(), r.Method, r.Free)
	}
	text := d.String()
	parts := []string{"MBAR over 3 rungs", " ± ", "overlap of neighbouring rungs", "the methods agree: 4"}
	for _, part := range parts {
		if !strings.Contains(text, part) || !d.Agree || len(d.Overlaps) != 2 {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
	d.Agree, d.Results[0].Doubt = false, "a reason"
	if text := d.String(); !strings.Contains(text, "in doubt: a reason") || !strings.Contains(text, "not confirmed: ") {
		t.Errorf("doubts are not told:\n%s", text)
	}
	defer func() {
		if recover() == nil {
			t.Error("a temperature of 0 is taken")
		}
	}()
	AtTemperature(cold, 0)
}

// Ends that lie far apart leave the perturbations in doubt.
func TestFarEndsAreInDoubt(t *testing.T) {
	p, want := traps(400)
	results, err := ladder(t, p, 9, 500).Results(stats.Bootstrap{})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Doubt == "" {
		t.Errorf("%s: %v has no doubt", results[0].Method, results[0].Free)
	}
	if r := results[2]; math.Abs(r.Free.Value-want) > 5*r.Free.Error {
		t.Errorf("%s: %v, want %.4f", r.Method, r.Free, want)
	}
}

// Quadrature of Clenshaw and Curtis is exact for polynomials of degree below the number of nodes.
func TestQuadrature(t *testing.T) {
	for count := 2; count < 10; count++ {
		nodes, weights := Lambdas(count), quadrature(count)
		for degree := range count {
			sum := 0.0
			for k, x := range nodes {
				sum += weights[k] * math.Pow(x, float64(degree))
			}
			if want := 1 / float64(degree+1); math.Abs(sum-want) > 1e-12 {
				t.Errorf("%d nodes, degree %d: %g, want %g", count, degree, sum, want)
			}
		}
	}
}

// u_λ of the path and its forces are the mixture of both ends.
func TestBetween(t *testing.T) {
	p, _ := traps(3)
	x, forces := []float64{0.3, 0.1, -0.5, 0.2, 0.7, -0.4, -0.5, 0.1}, make([]float64, 8)
	middle := p.At(0.25)
	u, want := middle.EnergyForces(x, forces), 0.75*p.A.EnergyForces(x, nil)+0.25*p.B.EnergyForces(x, nil)
	if math.Abs(u-want) > 1e-12 || math.Abs(middle.EnergyForces(x, nil)-want) > 1e-12 {
		t.Errorf("u is %g, want %g", u, want)
	}
	for k := range x {
		const h = 1e-5
		moved := append([]float64(nil), x...)
		moved[k] += h
		up := middle.EnergyForces(moved, nil)
		moved[k] -= 2 * h
		if f := (middle.EnergyForces(moved, nil) - up) / (2 * h); math.Abs(f-forces[k]) > 1e-8 {
			t.Errorf("force %d is %g, want %g", k, forces[k], f)
		}
	}
	other := Path{p.A, target.LJ13()}
	if err := other.Validate(); err == nil || !strings.Contains(err.Error(), "the same particles") {
		t.Errorf("other particles: %v", err)
	}
}

// normal is a generator of a mean-free normal distribution of a width.
type normal struct {
	prior.MeanFree
	width float64
}

func (q normal) LogProbs(x particle.Batch, _ int) (logQ, standardErrors []float64, err error) {
	for i := range x.Len() {
		square := 0.0
		for _, v := range x.At(i) {
			square += v * v
		}
		degrees := float64((q.N - 1) * q.D)
		logQ = append(logQ, -square/(2*q.width*q.width)-degrees*math.Log(q.width*math.Sqrt(2*math.Pi)))
	}
	return logQ, nil, nil
}

func (q normal) Sample(n int, seed uint64) (density.Samples, error) {
	x := q.MeanFree.Sample(rand.New(rand.NewPCG(seed, 1)), n)
	for k := range x.X {
		x.X[k] *= q.width
	}
	logQ, _, err := q.LogProbs(x, 0)
	return density.Samples{X: x, LogQ: logQ}, err
}

// A generator between the ends finds the difference by its samples, by its density, and by both.
func TestGeneratorOfTraps(t *testing.T) {
	p, want := traps(2)
	q := normal{prior.MeanFree{N: 4, D: 2}, 0.85}
	var ends []End
	for k, system := range []target.Target{p.A, p.B} {
		r, err := p.Sample(context.Background(), float64(k), 2000, 7, nil)
		if err != nil {
			t.Fatal(err)
		}
		end, err := NewEnd(q, system, 3000, uint64(k), r.X)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	results, err := ByGenerator(ends[0], ends[1], stats.Bootstrap{})
	if err != nil || len(results) != 3 {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for _, r := range results {
		if math.Abs(r.Free.Value-want) > 4*r.Free.Error || r.Free.Error > 0.1 || r.Doubt != "" {
			t.Errorf("%s: %v, want %.4f; doubt %q", r.Method, r.Free, want, r.Doubt)
		}
	}
}

// A state of a quarter of the samples has the free energy ln 3. A state that no sample visits is in
// doubt.
func TestOfState(t *testing.T) {
	in, logW := make([]bool, 4000), make([]float64, 4000)
	for i := range in {
		in[i] = i%2 == 0
		if in[i] {
			logW[i] = -math.Log(3)
		}
	}
	r := OfState("weights", in, logW, stats.Bootstrap{})
	if math.Abs(r.Free.Value-math.Log(3)) > 1e-9 || r.Free.Error > 0.1 || r.Doubt != "" {
		t.Errorf("%+v, want %g", r, math.Log(3))
	}
	if r := OfState("none", make([]bool, 10), nil, stats.Bootstrap{}); r.Doubt == "" || !math.IsInf(r.Free.Error, 1) {
		t.Errorf("no sample in the state: %+v", r)
	}
}
