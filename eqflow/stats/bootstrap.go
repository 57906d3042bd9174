package stats

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

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

func (b Bootstrap) resamples() int { return cmp.Or(b.Resamples, 200) }

// times is one resample of sets of samples: how often each sample is drawn. Blocks of neighbours in
// a set are drawn together.
func (b Bootstrap) times(counts []int) []float64 {
	var out []float64
	rng := rand.New(rand.NewPCG(b.Seed, 0x7374617465))
	for _, n := range counts {
		set := make([]float64, n)
		blocks := min(n, mostBlocks)
		for range blocks {
			k := rng.IntN(blocks)
			for i := k * n / blocks; i < (k+1)*n/blocks; i++ {
				set[i]++
			}
		}
		out = append(out, set...)
	}
	return out
}

// mostBlocks is the number of blocks of many samples.
const mostBlocks = 1000

// statistic is a function of sums over samples.
type statistic struct {
	terms int                         // sums
	add   func(i int, sums []float64) // adds sample i
	value func(sums, out []float64)   // writes the values
}

// blockSums returns the sums of each block.
func (s statistic) blockSums(n int) *blockSums {
	blocks := newBlockSums(n, s.terms)
	for i := range n {
		s.add(i, blocks.next())
	}
	return blocks
}

// blockSums are the sums of a statistic over blocks of neighbours among n samples, which come in
// order.
type blockSums struct {
	n, taken, block int
	sums            [][]float64 // [blocks][terms]
}

func newBlockSums(n, terms int) *blockSums {
	count := min(n, mostBlocks)
	b := &blockSums{n: n, sums: make([][]float64, count)}
	numbers := make([]float64, count*terms)
	for k := range b.sums {
		b.sums[k] = numbers[k*terms : (k+1)*terms]
	}
	return b
}

// next returns the sums to which the next sample is added.
func (b *blockSums) next() []float64 {
	if b.taken >= (b.block+1)*b.n/len(b.sums) {
		b.block++
	}
	b.taken++
	return b.sums[b.block]
}

// errors returns the standard deviations of k values of a statistic over the resamples of n
// samples.
func (b Bootstrap) errors(n, k int, s statistic) []float64 {
	return b.spread(s.blockSums(n), k, s.value)
}

// spread returns the standard deviations of k values over the resamples of blocks. It ignores
// values that are not finite, such as those of a class that is absent from a resample. A value with
// fewer than two finite resamples has the error +Inf.
func (b Bootstrap) spread(blocks *blockSums, k int, value func(sums, out []float64)) []float64 {
	rng := rand.New(rand.NewPCG(b.Seed, uint64(blocks.n)))
	count := len(blocks.sums)
	if count < 2 { // nothing is known of the spread
		return slices.Repeat([]float64{math.Inf(1)}, k)
	}
	times, sums, out := make([]float64, count), make([]float64, len(blocks.sums[0])), make([]float64, k)
	moments := make([]runningMoments, k)
	for range b.resamples() {
		clear(times)
		for range count {
			times[rng.IntN(count)]++
		}
		clear(sums)
		for j, t := range times {
			floats.AddScaled(sums, t, blocks.sums[j])
		}
		value(sums, out)
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
