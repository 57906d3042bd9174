package stats

import (
	"math"
	"math/rand/v2"
)

// Bootstrap says how standard errors are found: by drawing samples anew, with replacement. The zero value is good.
type Bootstrap struct {
	Resamples int // 200 where zero
	Seed      uint64
}

// errors returns the standard deviations of k statistics over the resamples of n samples.
//
// statistic gets how often each sample was drawn [n] and writes its values [k]. Values that are not finite, as a
// class that a resample misses has, do not count; a statistic with fewer than two finite values has error +Inf.
func (b Bootstrap) errors(n, k int, statistic func(times, out []float64)) []float64 {
	resamples := b.Resamples
	if resamples == 0 {
		resamples = 200
	}
	rng := rand.New(rand.NewPCG(b.Seed, uint64(n)))
	times, out := make([]float64, n), make([]float64, k)
	spread := make([]running, k)
	for range resamples {
		clear(times)
		for range n {
			times[rng.IntN(n)]++
		}
		statistic(times, out)
		for i, v := range out {
			spread[i].add(v)
		}
	}
	errors := make([]float64, k)
	for i := range errors {
		errors[i] = spread[i].deviation()
	}
	return errors
}

// running is Welford's mean and sum of squared deviations of the finite values it was given.
type running struct{ count, mean, squares float64 }

func (r *running) add(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	r.count++
	delta := v - r.mean
	r.mean += delta / r.count
	r.squares += delta * (v - r.mean)
}

func (r *running) deviation() float64 {
	if r.count < 2 {
		return math.Inf(1)
	}
	return math.Sqrt(r.squares / (r.count - 1))
}
