package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// single is the bootstrap error of ln ⟨w⟩ by drawing every sample on its own.
func single(rng *rand.Rand, w []float64) float64 {
	var moments runningMoments
	for range 200 {
		sum := 0.0
		for range w {
			sum += w[rng.IntN(len(w))]
		}
		moments.add(math.Log(sum / float64(len(w))))
	}
	return moments.deviation()
}

// Errors by blocks are those of single draws, on average over sets of samples, and cover the truth
// as often, for weights as even as those of a good flow and for weights with a heavy tail. A normal
// log-weight of deviation σ has ⟨w⟩ = 1 and an effective share of exp(−σ²).
func TestBlocksGiveTheErrorsOfSingleDraws(t *testing.T) {
	const n, sets = 2500, 60
	for _, sigma := range []float64{0.3, 1, 2} {
		rng := rand.New(rand.NewPCG(1, uint64(10*sigma)))
		byBlocks, bySingle, squares := 0.0, 0.0, 0.0
		covered, coveredSingle := 0, 0
		for range sets {
			logW, w := make([]float64, n), make([]float64, n)
			for i := range logW {
				logW[i] = sigma*rng.NormFloat64() - sigma*sigma/2
				w[i] = math.Exp(logW[i])
			}
			z, e := LogZ(logW, Bootstrap{Seed: rng.Uint64()}), single(rng, w)
			byBlocks, bySingle, squares = byBlocks+z.Error/sets, bySingle+e/sets, squares+z.Value*z.Value/sets
			if math.Abs(z.Value) < 2*z.Error {
				covered++
			}
			if math.Abs(z.Value) < 2*e {
				coveredSingle++
			}
		}
		t.Logf("σ %g: error of log Z %.5f by blocks, %.5f by single draws, true %.5f; within 2 errors %d and %d of %d",
			sigma, byBlocks, bySingle, math.Sqrt(squares), covered, coveredSingle, sets)
		if math.Abs(byBlocks/bySingle-1) > 0.05 {
			t.Errorf("σ %g: the errors are %g by blocks and %g by single draws", sigma, byBlocks, bySingle)
		}
		if covered < coveredSingle-4 || covered < sets*4/5 {
			t.Errorf("σ %g: %d of %d within 2 errors, %d by single draws", sigma, covered, sets, coveredSingle)
		}
	}
}

// The spread of one sample is not known.
func TestOneSampleHasNoKnownError(t *testing.T) {
	for name, e := range map[string]Estimate{
		"mean": Mean([]float64{3}, nil, Bootstrap{}), "log Z": LogZ([]float64{-2}, Bootstrap{}),
	} {
		if !math.IsInf(e.Error, 1) {
			t.Errorf("the %s of one sample is %g ± %g", name, e.Value, e.Error)
		}
	}
}

// The first thousand samples are blocks of their own: the errors are those of single draws, to the
// bit, whatever the statistic.
func TestFewSamplesAreDrawnSingly(t *testing.T) {
	const n = mostBlocks
	rng := rand.New(rand.NewPCG(2, 2))
	logW := make([]float64, n)
	for i := range logW {
		logW[i] = rng.NormFloat64()
	}
	w, draws := Weights(logW), rand.New(rand.NewPCG(7, n))
	var moments runningMoments
	for range 200 {
		times, sum := make([]float64, n), 0.0
		for range n {
			times[draws.IntN(n)]++
		}
		for i, k := range times {
			sum += k * w[i]
		}
		moments.add(math.Log(sum))
	}
	if got, want := LogZ(logW, Bootstrap{Seed: 7}).Error, moments.deviation(); got != want {
		t.Errorf("the error is %v, by single draws %v", got, want)
	}
}

// The cost of errors does not rule: a million samples take one pass.
func BenchmarkLogZ(b *testing.B) {
	logW := make([]float64, 1_000_000)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range logW {
		logW[i] = rng.NormFloat64()
	}
	for b.Loop() {
		LogZ(logW, Bootstrap{})
	}
}
