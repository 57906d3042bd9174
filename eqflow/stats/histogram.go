package stats

import (
	"math"
	"slices"
)

// Shares returns the weighted share of samples in each of k classes, with bootstrap errors.
//
// classes holds each sample's class, 0 … k−1; a negative one belongs to none, so that the shares may add up to less
// than 1. logW nil stands for equal weights.
func Shares(classes []int, k int, logW []float64, boot Bootstrap) []Estimate {
	w := weightsOf(logW, len(classes))
	ones := make([]float64, len(classes))
	for i := range ones {
		ones[i] = 1
	}
	values := make([]float64, k)
	shares(values, classes, w, ones)
	errors := boot.errors(len(classes), k, func(times, out []float64) { shares(out, classes, w, times) })
	return estimates(values, errors)
}

// FreeEnergies returns −ln share of each of k classes (in kT), with bootstrap errors; both are +Inf for a class
// without samples. Arguments as in Shares.
func FreeEnergies(classes []int, k int, logW []float64, boot Bootstrap) []Estimate {
	w := weightsOf(logW, len(classes))
	negativeLog := func(out, times []float64) {
		shares(out, classes, w, times)
		for c := range out {
			out[c] = -math.Log(out[c])
		}
	}
	ones := make([]float64, len(classes))
	for i := range ones {
		ones[i] = 1
	}
	values := make([]float64, k)
	negativeLog(values, ones)
	errors := boot.errors(len(classes), k, func(times, out []float64) { negativeLog(out, times) })
	return estimates(values, errors)
}

// shares writes the share of each class where sample i has weight w[i] and occurs times[i] times.
func shares(out []float64, classes []int, w, times []float64) {
	clear(out)
	total := 0.0
	for i, c := range classes {
		weight := w[i] * times[i]
		total += weight
		if c >= 0 {
			out[c] += weight
		}
	}
	for c := range out {
		out[c] /= total
	}
}

// Bins returns the bin of each value between rising edges, and −1 outside; the last edge belongs to the last bin.
func Bins(values, edges []float64) []int {
	bins := make([]int, len(values))
	last := len(edges) - 1
	for i, v := range values {
		at, exact := slices.BinarySearch(edges, v)
		switch {
		case math.IsNaN(v) || v < edges[0] || v > edges[last]:
			bins[i] = -1
		case exact && at < last:
			bins[i] = at
		default:
			bins[i] = at - 1
		}
	}
	return bins
}

// Linspace returns n evenly spaced numbers from lo to hi, both included.
func Linspace(lo, hi float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = lo + (hi-lo)*float64(i)/float64(n-1)
	}
	return out
}

// Histogram returns the weighted density (share divided by width) of values in each bin between edges, with
// bootstrap errors. Values outside the edges count in the total.
func Histogram(values, logW, edges []float64, boot Bootstrap) []Estimate {
	density := Shares(Bins(values, edges), len(edges)-1, logW, boot)
	for b := range density {
		width := edges[b+1] - edges[b]
		density[b].Value /= width
		density[b].Error /= width
	}
	return density
}

func estimates(values, errors []float64) []Estimate {
	out := make([]Estimate, len(values))
	for i := range out {
		out[i] = Estimate{values[i], errors[i]}
	}
	return out
}
