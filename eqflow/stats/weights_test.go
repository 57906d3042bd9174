package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Resampling draws each index n times its weight, to within 1. Truncation changes only weights far
// above the mean.
func TestResampleAndTruncate(t *testing.T) {
	logW := []float64{math.Log(1), math.Log(5), math.Inf(-1), math.Log(2)}
	counts := make([]int, len(logW))
	for _, i := range Resample(rand.New(rand.NewPCG(1, 1)), logW, 800) {
		counts[i]++
	}
	for i, want := range []int{100, 500, 0, 200} {
		if d := counts[i] - want; d < -1 || d > 1 {
			t.Errorf("index %d drawn %d times, want %d", i, counts[i], want)
		}
	}
	heavy := make([]float64, 100)
	heavy[3] = math.Log(1e6)
	cut := Truncate(heavy)
	mean := (99 + 1e6) / 100
	if got, want := cut[3], math.Log(10*mean); math.Abs(got-want) > 1e-12 || cut[0] != 0 {
		t.Errorf("truncated to %g and %g, want %g and 0", cut[3], cut[0], want)
	}
}
