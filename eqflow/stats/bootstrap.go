package stats

import (
	"cmp"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

// Bootstrap estimates standard errors by drawing the samples again, with replacement. The zero
// value is ready to use.
//
// More than a thousand samples are drawn in a thousand blocks of neighbours. A block counts as one
// sample. The cost is then one pass over the samples, whatever their number. For independent
// samples the errors are those of single draws, to within their own noise. For correlated samples,
// such as the steps of one chain, the errors by blocks are the more honest ones.
type Bootstrap struct {
	Resamples int // default 200
	Seed      uint64
}

// mostBlocks is the number of blocks of many samples.
const mostBlocks = 1000

// statistic is a function of sums over samples.
type statistic struct {
	terms int                         // sums
	add   func(i int, sums []float64) // adds sample i
	value func(sums, out []float64)   // writes the values
}

// blockSums returns the sums of each block [blocks][terms].
func (s statistic) blockSums(n int) [][]float64 {
	count := min(n, mostBlocks)
	blocks, numbers := make([][]float64, count), make([]float64, count*s.terms)
	for k := range blocks {
		blocks[k] = numbers[k*s.terms : (k+1)*s.terms]
		for i := k * n / count; i < (k+1)*n/count; i++ {
			s.add(i, blocks[k])
		}
	}
	return blocks
}

// errors returns the standard deviations of k values of a statistic over the resamples of n
// samples. It ignores values that are not finite, such as those of a class that is absent from a
// resample. A value with fewer than two finite resamples has the error +Inf.
func (b Bootstrap) errors(n, k int, s statistic) []float64 {
	blocks := s.blockSums(n)
	rng := rand.New(rand.NewPCG(b.Seed, uint64(n)))
	times, sums, out := make([]float64, len(blocks)), make([]float64, s.terms), make([]float64, k)
	moments := make([]runningMoments, k)
	for range cmp.Or(b.Resamples, 200) {
		clear(times)
		for range blocks {
			times[rng.IntN(len(blocks))]++
		}
		clear(sums)
		for j, t := range times {
			floats.AddScaled(sums, t, blocks[j])
		}
		s.value(sums, out)
		for i, v := range out {
			moments[i].add(v)
		}
	}
	errors := make([]float64, k)
	for i := range errors {
		if errors[i] = moments[i].deviation(); len(blocks) < 2 {
			errors[i] = math.Inf(1) // nothing is known of the spread
		}
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
