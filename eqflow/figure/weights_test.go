package figure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Convergence draws any number of weights from 20 up, and says what it lacks below.
func TestConvergence(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	logW := make([]float64, 500)
	for i := range logW {
		logW[i] = 29.667 + 0.3*rng.NormFloat64()
	}
	for _, n := range []int{20, 21, 500} {
		for _, known := range []float64{29.667, math.NaN()} {
			f := Convergence(logW[:n], known)
			if data, err := f.PNG(); err != nil || len(data) < 1000 {
				t.Errorf("of %d weights: %d bytes, %v", n, len(data), err)
			}
		}
	}
	if Convergence(logW[:5], 0).Err() == nil {
		t.Error("five weights are drawn")
	}
}
