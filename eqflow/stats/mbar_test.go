package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Harmonic oscillators at several temperatures have ln Z_k − ln Z_0 = −½ d ln β_k, and the
// samples of all of them give ⟨u⟩ = d/2 at the first.
func TestMBAROfHarmonicOscillators(t *testing.T) {
	const d = 6
	rng := rand.New(rand.NewPCG(1, 2))
	betas, counts := []float64{1, 0.6, 0.4, 0.25}, []int{500, 9000, 5000, 20000}
	var energies [][]float64
	for k, beta := range betas {
		var u []float64
		for range counts[k] {
			sum := 0.0
			for range d {
				x := rng.NormFloat64() / math.Sqrt(beta)
				sum += x * x / 2
			}
			u = append(u, sum)
		}
		energies = append(energies, u)
	}
	logZ, logW, err := MBAR(energies, betas)
	if err != nil {
		t.Fatal(err)
	}
	for k, beta := range betas {
		if want := -0.5 * d * math.Log(beta); math.Abs(logZ[k]-want) > 0.05 {
			t.Errorf("ln Z at β = %g is %.4f, want %.4f", beta, logZ[k], want)
		}
	}
	var all []float64
	for _, u := range energies {
		all = append(all, u...)
	}
	mean := Mean(all, logW, Bootstrap{})
	if math.Abs(mean.Value-d/2) > 4*mean.Error || mean.Error > 0.03 { // 500 samples alone: 0.077
		t.Errorf("⟨u⟩ = %.4f ± %.4f, want %g", mean.Value, mean.Error, float64(d)/2)
	}
	if _, _, err := MBAR(energies, betas[:2]); err == nil {
		t.Error("sets without a temperature are accepted")
	}
	if _, _, err := MBAR([][]float64{{1}, {}}, []float64{1, 0.5}); err == nil {
		t.Error("a temperature without samples is accepted")
	}
}

// Normal distributions of widths σ_k around μ_k have ln Z_k = ln σ_k. The estimate lies within
// its errors of the truth, which are as large as the scatter of independent estimates.
func TestStatesOfNormalDistributions(t *testing.T) {
	means, widths, counts := []float64{0, 1, 2.5}, []float64{1, 1.5, 1}, []int{1000, 3000, 2000}
	all, errors := make([]runningMoments, 3), make([]float64, 3)
	const sets = 30
	for seed := range uint64(sets) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var x []float64
		for k, n := range counts {
			for range n {
				x = append(x, means[k]+widths[k]*rng.NormFloat64())
			}
		}
		s := States{counts, func(k, n int) float64 { y := (x[n] - means[k]) / widths[k]; return y * y / 2 }}
		logZ, err := s.LogZ(Bootstrap{Resamples: 12, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		for k, z := range logZ {
			all[k].add(z.Value - math.Log(widths[k]))
			errors[k] += z.Error / sets
		}
		if seed == 0 {
			checkOverlap(t, s, logZ)
		}
	}
	for k := 1; k < 3; k++ {
		spread := all[k].deviation()
		if math.Abs(all[k].mean) > 4*spread/math.Sqrt(sets) || errors[k] < spread/1.5 || errors[k] > 1.5*spread {
			t.Errorf("state %d: bias %.4f, spread %.4f, errors of %.4f", k, all[k].mean, spread, errors[k])
		}
	}
}

// checkOverlap compares the overlaps with their integrals, ∫ 2pq/(p+q) dx of neighbours.
func checkOverlap(t *testing.T, s States, logZ []Estimate) {
	t.Helper()
	got := s.Overlap([]float64{logZ[0].Value, logZ[1].Value, logZ[2].Value})
	normal := func(x, mean, width float64) float64 {
		y := (x - mean) / width
		return math.Exp(-y*y/2) / width / math.Sqrt(2*math.Pi)
	}
	means, widths := []float64{0, 1, 2.5}, []float64{1, 1.5, 1}
	for k := range got {
		want := 0.0
		for x := -10.0; x < 12; x += 0.01 {
			p, q := normal(x, means[k], widths[k]), normal(x, means[k+1], widths[k+1])
			want += 0.01 * 2 * p * q / (p + q)
		}
		if math.Abs(got[k]-want) > 0.03 {
			t.Errorf("states %d and %d overlap by %.3f, want %.3f", k, k+1, got[k], want)
		}
	}
}

// With two states, MBAR is Bennett's acceptance ratio: the sums of Fermi functions over both sides
// are equal.
func TestTwoStatesAreBennetts(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	counts := []int{300, 700}
	works := make([]float64, 1000)
	for n := range works {
		works[n] = 3 + 2*rng.NormFloat64()
		if n >= 300 {
			works[n] -= 4 // of the second state
		}
	}
	s := States{counts, func(k, n int) float64 { return float64(k) * works[n] }}
	logZ, err := s.LogZ(Bootstrap{Resamples: 5})
	if err != nil {
		t.Fatal(err)
	}
	free := -logZ[1].Value
	m := math.Log(300.0 / 700)
	forward, reverse := 0.0, 0.0
	for n, w := range works {
		if n < 300 {
			forward += 1 / (1 + math.Exp(m+w-free))
		} else {
			reverse += 1 / (1 + math.Exp(-m-w+free))
		}
	}
	if math.Abs(forward-reverse) > 1e-7 {
		t.Errorf("the sums are %.9f and %.9f", forward, reverse)
	}
	if _, err := (States{[]int{3, 0}, s.Energy}).LogZ(Bootstrap{}); err == nil {
		t.Error("a state without samples is accepted")
	}
	apart := States{[]int{2, 2}, func(k, n int) float64 { return 1e6 * math.Abs(float64(n/2-k)) }}
	if z, err := apart.LogZ(Bootstrap{Resamples: 2}); err == nil {
		t.Errorf("states without overlap give %v", z)
	}
}
