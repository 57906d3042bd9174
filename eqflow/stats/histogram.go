package stats

import (
	"math"
	"slices"
)

// Populations returns the weighted fraction of the samples in each of k classes, with bootstrap
// errors.
//
// classes holds the class of each sample, 0 … k−1. A sample of a negative class counts only in the
// total, so the populations may sum to less than 1. A nil logW means equal weights.
func Populations(classes []int, k int, logW []float64, boot Bootstrap) []Estimate {
	w := weightsOrEqual(logW, len(classes))
	return boot.estimates(len(classes), k, populations(classes, k, w))
}

// FreeEnergies returns −ln p in kT for the population p of each of k classes, with bootstrap
// errors. The value and the error of a class without samples are +Inf. The arguments are those of
// Populations.
func FreeEnergies(classes []int, k int, logW []float64, boot Bootstrap) []Estimate {
	w := weightsOrEqual(logW, len(classes))
	s := populations(classes, k, w)
	return boot.estimates(len(classes), k, statistic{terms: s.terms, add: s.add, value: func(sums, out []float64) {
		s.value(sums, out)
		for c := range out {
			out[c] = -math.Log(out[c])
		}
	}})
}

// estimates returns the k values of a statistic of n samples with bootstrap errors.
func (b Bootstrap) estimates(n, k int, s statistic) []Estimate {
	sums, values, out := make([]float64, s.terms), make([]float64, k), make([]Estimate, k)
	for i := range n {
		s.add(i, sums)
	}
	s.value(sums, values)
	for c, e := range b.errors(n, k, s) {
		out[c] = Estimate{values[c], e}
	}
	return out
}

// populations is the population of each class of samples with weights w. The last sum is the total.
func populations(classes []int, k int, w []float64) statistic {
	return statistic{
		terms: k + 1,
		add:   func(i int, sums []float64) { addToClass(sums, classes[i], w[i]) },
		value: shares,
	}
}

// addToClass adds the weight of a sample of class c to the sums of all classes and of the total.
func addToClass(sums []float64, c int, w float64) {
	sums[len(sums)-1] += w
	if c >= 0 {
		sums[c] += w
	}
}

// shares are the populations as a function of the sums.
func shares(sums, out []float64) {
	for c := range out {
		out[c] = sums[c] / sums[len(sums)-1]
	}
}

// Bins returns the index of the bin of each value, for rising edges. The index is −1 outside the
// edges. The last edge belongs to the last bin.
func Bins(values, edges []float64) []int {
	bins := make([]int, len(values))
	for i, v := range values {
		bins[i] = bin(v, edges)
	}
	return bins
}

func bin(v float64, edges []float64) int {
	last := len(edges) - 1
	at, exact := slices.BinarySearch(edges, v)
	switch {
	case math.IsNaN(v) || v < edges[0] || v > edges[last]:
		return -1
	case exact && at < last:
		return at
	}
	return at - 1
}

// Linspace returns n evenly spaced numbers from lo to hi, both included.
//
// gonum's Span rounds differently, so that a value at an edge could change its bin.
func Linspace(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

// Histogram returns the weighted density of values in each bin between edges, with bootstrap
// errors. The density is the population of the bin divided by its width. Values outside the edges
// count in the total.
func Histogram(values, logW, edges []float64, boot Bootstrap) []Estimate {
	return densities(Populations(Bins(values, edges), len(edges)-1, logW, boot), edges)
}

// densities divides the populations of bins by the widths of the bins.
func densities(populations []Estimate, edges []float64) []Estimate {
	for b := range populations {
		width := edges[b+1] - edges[b]
		populations[b].Value /= width
		populations[b].Error /= width
	}
	return populations
}
