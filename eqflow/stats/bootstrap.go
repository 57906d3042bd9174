package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
)

// Bootstrap estimates standard errors by drawing the samples again, with replacement. The zero
// value is ready to use.
type Bootstrap struct {
	Resamples int // default 200
	Seed      uint64
}

// errors returns the standard deviations of k statistics over the resamples of n samples.
//
// statistic receives the number of times [n] that each sample was drawn and writes its values [k].
// Values that are not finite are ignored, such as those of a class that is absent from a resample.
// A statistic with fewer than two finite values has the error +Inf.
func (b Bootstrap) errors(n, k int, statistic func(times, out []float64)) []float64 {
	rng := rand.New(rand.NewPCG(b.Seed, uint64(n)))
	times, out := make([]float64, n), make([]float64, k)
	moments := make([]runningMoments, k)
	for range cmp.Or(b.Resamples, 200) {
		clear(times)
		for range n {
			times[rng.IntN(n)]++
		}
		statistic(times, out)
		for i, v := range out {
			moments[i].add(v)
		}
	}
	errors := make([]float64, k)
	for i := range errors {
		errors[i] = moments[i].deviation()
	}
	return errors
}

// runningMoments holds the mean and the sum of squared deviations of the finite values added so far
// (Welford's method).
type runningMoments struct{ count, mean, squares float64 }

func (m *runningMoments) add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	m.count++
	delta := v - m.mean
	m.mean += delta / m.count
	m.squares += delta * (v - m.mean)
}

// deviation returns the sample standard deviation, +Inf for fewer than two values.
func (m *runningMoments) deviation() float64 {
	if m.count < 2 {
		return math.Inf(1)
	}
	return math.Sqrt(m.squares / (m.count - 1))
}
