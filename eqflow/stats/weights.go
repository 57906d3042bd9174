// Package stats turns samples and log-weights into numbers with errors: effective sample sizes, log Z, reweighted
// means, histograms and free energies, autocorrelation times, Wasserstein distances. Plain Go on []float64.
//
// Log-weights are log w = −u(x) − log q(x), in nats, known up to a constant except for log Z. Where a function takes
// log-weights, nil means equal weights. Bootstrap errors resample independent samples: thin chains first.
package stats

import (
	"math"
	"math/rand/v2"
)

// Estimate is a value with its standard error.
type Estimate struct {
	Value float64 `json:"value"`
	Error float64 `json:"error"`
}

// LogSumExp is ln Σ exp(v), without overflow; −Inf for an empty slice.
func LogSumExp(v []float64) float64 {
	top := math.Inf(-1)
	for _, value := range v {
		top = max(top, value)
	}
	if math.IsInf(top, 0) || math.IsNaN(top) {
		return top
	}
	sum := 0.0
	for _, value := range v {
		sum += math.Exp(value - top)
	}
	return top + math.Log(sum)
}

// LogMeanExp is ln (1/n) Σ exp(v): log Z, if v are log-weights of a normalised q.
func LogMeanExp(v []float64) float64 { return LogSumExp(v) - math.Log(float64(len(v))) }

// Weights returns exp(logW) divided by its sum. Where every weight is zero (all log-weights −Inf) they are NaN.
func Weights(logW []float64) []float64 {
	total := LogSumExp(logW)
	w := make([]float64, len(logW))
	for i, l := range logW {
		w[i] = math.Exp(l - total)
	}
	return w
}

// weightsOf returns normalised weights, equal ones for nil.
func weightsOf(logW []float64, n int) []float64 {
	if logW == nil {
		logW = make([]float64, n)
	}
	return Weights(logW)
}

// KishESS is the effective number of samples (Σw)²/Σw², between 1 and n. It says nothing of states without samples.
func KishESS(logW []float64) float64 {
	squares := 0.0
	for _, w := range Weights(logW) {
		squares += w * w
	}
	return 1 / squares
}

// LogZ estimates ln Z = ln ⟨w⟩ from log-weights of a normalised density, with its bootstrap error.
func LogZ(logW []float64, boot Bootstrap) Estimate {
	w := Weights(logW)
	errors := boot.errors(len(w), 1, func(times, out []float64) {
		mean := 0.0
		for i, t := range times {
			mean += t * w[i]
		}
		out[0] = math.Log(mean)
	})
	return Estimate{LogMeanExp(logW), errors[0]}
}

// Mean is the weighted mean of values with its bootstrap error; logW nil for equal weights.
func Mean(values, logW []float64, boot Bootstrap) Estimate {
	w := weightsOf(logW, len(values))
	mean := 0.0
	for i, v := range values {
		mean += w[i] * v
	}
	errors := boot.errors(len(values), 1, func(times, out []float64) {
		sum, total := 0.0, 0.0
		for i, t := range times {
			sum += t * w[i] * values[i]
			total += t * w[i]
		}
		out[0] = sum / total
	})
	return Estimate{mean, errors[0]}
}

// Truncate bounds weights by √n times their mean, and returns their logarithms: less variance for a bias that vanishes as n
// grows. Source: Ionides, Truncated importance sampling, 2008.
func Truncate(logW []float64) []float64 {
	bound := LogMeanExp(logW) + math.Log(float64(len(logW)))/2
	out := make([]float64, len(logW))
	for i, l := range logW {
		out[i] = min(l, bound)
	}
	return out
}

// Resample returns n indices, each drawn as often as its weight says but for rounding: systematic resampling, with one
// random number for all. Weights that are all zero give index 0.
func Resample(rng *rand.Rand, logW []float64, n int) []int {
	weights, out := Weights(logW), make([]int, n)
	i, reached, start := 0, weights[0], rng.Float64()
	for k := range out {
		for at := (start + float64(k)) / float64(n); reached < at && i < len(weights)-1; {
			i++
			reached += weights[i]
		}
		out[k] = i
	}
	return out
}
