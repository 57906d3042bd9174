package protocol

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

func TestSpread(t *testing.T) {
	all := []Trained{
		{Job: Job{Recipe: Recipe{Name: "a"}, Seed: 1}}, {Job: Job{Recipe: Recipe{Name: "b"}, Seed: 50}},
		{Job: Job{Recipe: Recipe{Name: "a"}, Seed: 3}}, {Job: Job{Recipe: Recipe{Name: "a"}, Seed: 5}},
	}
	seed := func(t Trained) float64 { return float64(t.Seed) }
	s := Over(all, "a", seed)
	if !slices.Equal(s.Values, []float64{1, 3, 5}) || s.Mean() != 3 || s.Min() != 1 || s.Max() != 5 {
		t.Errorf("%v has mean %g, least %g, largest %g", s.Values, s.Mean(), s.Min(), s.Max())
	}
	for want, s := range map[string]Spread{
		"3.0 [1, 5]":             s,
		"50":                     Over(all, "b", seed),
		"609 [599, 628]":         {[]float64{599, 600, 628}},
		"11.3 [9, 14]":           {[]float64{9, 11, 14}},
		"100 [68, 140]":          {[]float64{68.429, 91.729, 140.010}},
		"27.73 [27.42, 27.90]":   {[]float64{27.424, 27.865, 27.902}},
		"0.02 [-0.11, 0.20]":     {[]float64{-0.106, -0.043, 0.197}},
		"8.014 [8.013, 8.014]":   {[]float64{8.0131, 8.0138, 8.0142}},
		"7.500 [7.500, 7.500]":   {[]float64{7.5, 7.5}},
		"1.5e+04 [1e+04, 2e+04]": {[]float64{1e4, 2e4}},
		"-0.5 [-1, 0]":           {[]float64{-1, 0}},
		"0.125":                  {[]float64{0.125}},
		"-1e+05":                 {[]float64{-1e5}},
	} {
		if got := s.String(); got != want {
			t.Errorf("%v is shown as %q, want %q", s.Values, got, want)
		}
	}
	if got := s.rounded(1); got != "3.0" {
		t.Errorf("the mean with one decimal is %q", got)
	}
}

// The control has no mean, and the data's variance per degree of freedom.
func TestGaussianControl(t *testing.T) {
	const scale = 1.7
	data := GaussianControl(particle.Batch{X: []float64{scale, 0, -scale, 0}, N: 2, D: 2}, 20_000, 3)
	control := GaussianControl(data, 20_000, 4)
	for i, b := range []particle.Batch{data, control} {
		sum, square := 0.0, 0.0
		for _, v := range b.At(0) {
			sum += v
		}
		for _, v := range b.X {
			square += v * v
		}
		// Two particles have two degrees of freedom: their square is 2 s² a configuration, and here
		// s = scale.
		if got := math.Sqrt(square / float64(2*b.Len())); math.Abs(sum) > 1e-12 || math.Abs(got-scale) > 0.03 {
			t.Errorf("control %d has a scale of %g and a mean of %g", i, got, sum)
		}
	}
}

// The known shares deviate from themselves by nothing, and their sum is 1 but for six long pairs.
func TestShares(t *testing.T) {
	l := &Lab{System: target.DW4()}
	known, total := make([]stats.Estimate, len(KnownShares)), 0.0
	for k, share := range KnownShares {
		known[k], total = stats.Estimate{Value: share, Error: 0.001}, total+share
	}
	if WorstDeviation(known) != 0 || math.Abs(total-1) > 2e-4 {
		t.Errorf("deviation %g, sum %g", WorstDeviation(known), total)
	}
	known[2].Value += 0.003
	if got := WorstDeviation(known); math.Abs(got-3) > 0.01 {
		t.Errorf("a deviation of 3 standard errors is %g", got)
	}
	x := particle.Batch{X: append(slices.Clone(StartA), StartA...), N: 4, D: 2}
	shares := l.PairShares(x, []float64{0, 1})
	sum := 0.0
	for _, s := range shares {
		sum += s.Value
	}
	if k := target.LongPairs(StartA, 2, l.System.Cutoff()); shares[k].Value != 1 || sum != 1 {
		t.Errorf("shares of one state with %d long pairs are %v", k, shares)
	}
}

// The virial of a harmonic trap is its number of degrees of freedom, as for any potential.
func TestEnergyAndVirial(t *testing.T) {
	trap := target.Harmonic{N: 3, D: 2}
	x := GaussianControl(particle.Batch{X: []float64{1, 1, -1, 1, 0, -2}, N: 3, D: 2}, 2000, 1)
	u, virial := EnergyAndVirial(trap, x)
	if math.Abs(virial.Value-2*u.Value) > 1e-9 { // u is quadratic
		t.Errorf("energy %g, virial %g", u.Value, virial.Value)
	}
	if got := energies(trap, x.Slice(0, 1)); got[0] != trap.EnergyForces(x.At(0), nil) {
		t.Errorf("energies are %v", got)
	}
}

// A divergence in closed form is the trace of the Jacobian, and eqBG is symmetric to rounding.
func TestSymmetryErrors(t *testing.T) {
	l := open(t)
	if e := l.DivergenceError(dynamics.RadialBasis{Centres: 4, TimeCentres: 2}, 8); e > 1e-10 {
		t.Errorf("the divergence is off by %g", e)
	}
	x := l.Equilibrium("train", 32, 1)
	eq := l.Train(Job{Recipe: recipe("eq"), Seed: 1, Data: train.Data{Train: x}})[0]
	all := SymmetryErrors(eq.Model, x, 1)
	worst := WorstSymmetry(eq.Model, x, 1)
	if len(all) != 4 || worst.Flow > 1e-4 || worst.LogProb > 1e-4 {
		t.Errorf("errors are %v, the worst %v", all, worst)
	}
	for _, s := range all {
		if s.Flow > worst.Flow || s.LogProb > worst.LogProb {
			t.Errorf("%v is larger than the worst, %v", s, worst)
		}
	}
	if images := Transformed(eq.Model, 1); images.Len() != 3 {
		t.Errorf("%d images", images.Len())
	}
}

// The exponent of a power law is found without its first point.
func TestExponent(t *testing.T) {
	s := figure.Series{X: []float64{1, 2, 4, 8}, Y: []float64{100, 12, 48, 192}} // 3 x² from the second point on
	if got := exponent(s); math.Abs(got-2) > 1e-12 {
		t.Errorf("the exponent is %g", got)
	}
}

func TestDeviation(t *testing.T) {
	if got := deviation([]float64{1, 3, 5, 7}); math.Abs(got-math.Sqrt(5)) > 1e-12 {
		t.Errorf("the standard deviation is %g", got)
	}
	if got := largestDifference([]float64{1, 2, 3}, []float64{1, -1, 5}); got != 3 {
		t.Errorf("the largest difference is %g", got)
	}
}

// Scores of a generator on a set are kept by seed, and shown in the order of the sets.
func TestScores(t *testing.T) {
	var s Scores
	for seed, offset := range []float64{0, 0.5} {
		s.Add("eqBG", "train", 7+float64(seed))
		s.Add("eqBG", "test", 7+float64(seed)+offset)
	}
	if got := s.Of("eqBG", "test").Values; !slices.Equal(got, []float64{7, 8.5}) {
		t.Errorf("scores are %v", got)
	}
	for _, name := range generators {
		s.Add(name, "train", 1)
		s.Add(name, "test", 2)
	}
	text := GeneralisationTable(s, nil).String()
	if !strings.Contains(text, "test") || strings.Index(text, "train") > strings.Index(text, "test") {
		t.Errorf("the table is\n%s", text)
	}
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(error).Error(), "no score") {
			t.Errorf("a set without a score: %v", r)
		}
	}()
	s.Of("eqBG", "ref")
}

// Discovery counts a generator's samples by seed, and shows every seed.
func TestDiscovery(t *testing.T) {
	trained := func(name string, seed uint64) Trained {
		return Trained{Job: Job{Recipe: Recipe{Name: name}, Seed: seed}}
	}
	d := Discovery{
		Minima:  []target.Minimum{{Energy: -2}, {Energy: -1}},
		Trained: []Trained{trained("eqBG", 1), trained("nBG", 1), trained("eqBG", 2)},
		Counts:  [][]int{{10, 1}, {0, 0}, {20, 3}}, Control: []int{1, 1}, Reference: []int{5, 5}, Data: []int{9, 0},
	}
	if got := d.Count("eqBG", 1); !slices.Equal(got.Values, []float64{1, 3}) {
		t.Errorf("counts are %v", got.Values)
	}
	text := d.Table().String()
	for _, want := range []string{"u = -2.00", "eqBG, seed 2", "nBG, seed 1", "trainA itself"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}
