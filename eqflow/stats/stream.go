package stats

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// Weighted are the values of samples with their log-weights. They need not be in memory: Blocks
// calls do with the numbers of neighbours, in the order of the samples, and can be called again.
type Weighted struct {
	N      int
	Blocks func(do func(values, logW []float64) error) error
}

// InMemory returns samples that are in memory. A nil logW means equal weights.
func InMemory(values, logW []float64) Weighted {
	if logW == nil {
		logW = make([]float64, len(values))
	}
	return Weighted{len(values), func(do func(values, logW []float64) error) error { return do(values, logW) }}
}

// each calls do with every sample.
func (s Weighted) each(do func(v, logW float64)) error {
	return s.Blocks(func(values, logW []float64) error {
		for i, v := range values {
			do(v, logW[i])
		}
		return nil
	})
}

// Normalised are samples of which the sum of the weights is known. Its methods give the results of
// the functions for slices, bit for bit. Memory does not grow with the number of samples. They read
// the samples one to four times.
type Normalised struct {
	Weighted
	total float64 // LogSumExp of the log-weights
}

// Normalise reads the samples twice.
func (s Weighted) Normalise() (Normalised, error) {
	total, err := s.logSumExp()
	return Normalised{s, total}, err
}

func (s Weighted) logSumExp() (float64, error) {
	largest, nan := math.Inf(-1), false
	err := s.Blocks(func(_, logW []float64) error {
		if len(logW) > 0 {
			largest = max(largest, floats.Max(logW))
			nan = nan || floats.HasNaN(logW)
		}
		return nil
	})
	switch {
	case nan:
		return math.NaN(), err
	case math.IsInf(largest, 0):
		return largest, err
	}
	sum := 0.0
	err = s.each(func(_, logW float64) { sum += math.Exp(logW - largest) })
	return math.Log(sum) + largest, err
}

// LogMeanExp is the function LogMeanExp of the log-weights.
func (s Normalised) LogMeanExp() float64 { return s.total - math.Log(float64(s.N)) }

// ESS is the function ESS of the log-weights.
func (s Normalised) ESS() (Estimate, error) {
	squares, variance, n := 0.0, 0.0, float64(s.N)
	err := s.each(func(_, logW float64) {
		w := math.Exp(logW - s.total)
		squares += w * w
	})
	if err != nil {
		return Estimate{}, err
	}
	share, square := 1/squares/n, squares*n // the second of weights of mean 1
	err = s.each(func(_, logW float64) {
		v := math.Exp(logW-s.total) * n
		// the derivatives of mean²/square, by the mean and by the square
		influence := share * (2*(v-1) - share*(v*v-square))
		variance += influence * influence
	})
	return Estimate{share, math.Sqrt(variance) / n}, err
}

// Estimates are estimates from weighted samples.
type Estimates struct {
	ESS  Estimate // as a share of the samples
	LogZ Estimate
	Mean Estimate // of the values
}

// Estimates returns ESS, LogZ and Mean of the samples.
func (s Normalised) Estimates(boot Bootstrap) (e Estimates, err error) {
	if e.ESS, err = s.ESS(); err != nil {
		return e, err
	}
	e.LogZ.Value = s.LogMeanExp()
	weights, means := newBlockSums(s.N, 2), newBlockSums(s.N, 2)
	err = s.each(func(v, logW float64) {
		w := math.Exp(logW - s.total)
		e.Mean.Value += w * v
		sums := weights.next()
		sums[0] += w
		sums[1]++
		sums = means.next()
		sums[0] += w * v
		sums[1] += w
	})
	if err != nil {
		return e, err
	}
	e.LogZ.Error = boot.spread(weights, 1, logMean(s.N))[0]
	e.Mean.Error = boot.spread(means, 1, quotient)[0]
	return e, nil
}

// Histogram is the function Histogram of the samples.
func (s Normalised) Histogram(edges []float64, boot Bootstrap) ([]Estimate, error) {
	k := len(edges) - 1
	sums, blocks := make([]float64, k+1), newBlockSums(s.N, k+1)
	err := s.each(func(v, logW float64) {
		c, w := bin(v, edges), math.Exp(logW-s.total)
		addToClass(sums, c, w)
		addToClass(blocks.next(), c, w)
	})
	if err != nil {
		return nil, err
	}
	values, out := make([]float64, k), make([]Estimate, k)
	shares(sums, values)
	for c, e := range boot.spread(blocks, k, shares) {
		out[c] = Estimate{values[c], e}
	}
	return densities(out, edges), nil
}

// A quantile of many values is found digit by digit, in the order of their bits.
const (
	digitBits = 16
	digits    = 64 / digitBits
)

// Quantiles returns, for each share over 0 and up to 1, the least value up to which at least this
// share of the weight lies. Values that are not numbers, and values without weight, do not count. A
// quantile is NaN if no value counts.
func (s Normalised) Quantiles(of ...float64) ([]float64, error) {
	found := make([]quantile, len(of))
	for digit := range digits {
		shift := 64 - digitBits*(digit+1)
		for k := range found {
			found[k].sums, found[k].last = make([]float64, 1<<digitBits), -1
		}
		err := s.each(func(v, logW float64) {
			key, w := ordered(v), math.Exp(logW-s.total)
			for k := range found {
				q := &found[k]
				if w > 0 && !math.IsNaN(v) && (digit == 0 || key>>(shift+digitBits) == q.prefix) {
					at := int(key >> shift & (1<<digitBits - 1))
					q.sums[at] += w
					q.last = max(q.last, at)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		for k := range found {
			found[k].extend(of[k])
		}
	}
	out := make([]float64, len(of))
	for k, q := range found {
		if out[k] = unordered(q.prefix); q.last < 0 {
			out[k] = math.NaN()
		}
	}
	return out, nil
}

// quantile is what is known of a quantile: the first digits, and the weight below them.
type quantile struct {
	prefix uint64
	below  float64
	sums   []float64 // of the weight, by the next digit
	last   int       // the largest next digit; −1 if there is none
}

// extend adds the digit at which the weight reaches the share.
func (q *quantile) extend(share float64) {
	at := 0
	for ; at < q.last && q.below+q.sums[at] < share; at++ {
		q.below += q.sums[at]
	}
	q.prefix = q.prefix<<digitBits | uint64(at)
}

// ordered maps floats to integers in the same order.
func ordered(v float64) uint64 {
	b := math.Float64bits(v)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func unordered(key uint64) float64 {
	negative := uint64(int64(key)>>63) ^ math.MaxUint64
	return math.Float64frombits(key ^ (negative | 1<<63))
}
