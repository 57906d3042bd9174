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
