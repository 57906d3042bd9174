package stats

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
)

// LogSumExp returns ln Σ exp(v) without overflow. It returns −Inf for an empty slice, and NaN if
// any value is NaN.
func LogSumExp(v []float64) float64 {
	switch {
	case len(v) == 0:
		return math.Inf(-1)
	case floats.HasNaN(v): // gonum ignores a NaN beside an infinity
		return math.NaN()
	}
	return floats.LogSumExp(v)
}

// LogMeanExp returns ln (1/n) Σ exp(v). This is log Z if v are the log-weights of a normalised q.
func LogMeanExp(v []float64) float64 { return LogSumExp(v) - math.Log(float64(len(v))) }

// Weights returns exp(logW) divided by its sum. If every weight is zero (all log-weights are −Inf),
// the result is NaN.
func Weights(logW []float64) []float64 {
	total := LogSumExp(logW)
	w := make([]float64, len(logW))
	for i, l := range logW {
		w[i] = math.Exp(l - total)
	}
	return w
}

// weightsOrEqual returns normalised weights. They are equal if logW is nil.
func weightsOrEqual(logW []float64, n int) []float64 {
	if logW == nil {
		logW = make([]float64, n)
	}
	return Weights(logW)
}

// KishESS returns Kish's effective sample size (Σw)²/Σw², between 1 and n. It cannot detect states
// without samples.
func KishESS(logW []float64) float64 {
	squares := 0.0
	for _, w := range Weights(logW) {
		squares += w * w
	}
	return 1 / squares
}

// LogZ estimates ln Z = ln ⟨w⟩ from the log-weights of a normalised density, with its bootstrap
// error.
func LogZ(logW []float64, boot Bootstrap) Estimate {
	w := Weights(logW)
	errors := boot.errors(len(w), 1, statistic{
		terms: 2,
		add: func(i int, sums []float64) {
			sums[0] += w[i]
			sums[1]++ // blocks differ in length
		},
		value: logMean(len(w)),
	})
	return Estimate{LogMeanExp(logW), errors[0]}
}

// logMean returns the logarithm of the mean weight of samples as a function of two sums: of the
// normalised weights, and of ones. n is the number of all samples.
func logMean(n int) func(sums, out []float64) {
	return func(sums, out []float64) { out[0] = math.Log(sums[0]) - math.Log(sums[1]/float64(n)) }
}

// quotient is the weighted mean as a function of two sums: of the weighted values, and of the
// weights.
func quotient(sums, out []float64) { out[0] = sums[0] / sums[1] }

// Mean returns the weighted mean of values with its bootstrap error. A nil logW means equal
// weights.
func Mean(values, logW []float64, boot Bootstrap) Estimate {
	w := weightsOrEqual(logW, len(values))
	mean := 0.0
	for i, v := range values {
		mean += w[i] * v
	}
	errors := boot.errors(len(values), 1, statistic{
		terms: 2,
		add: func(i int, sums []float64) {
			sums[0] += w[i] * values[i]
			sums[1] += w[i]
		},
		value: quotient,
	})
	return Estimate{mean, errors[0]}
}

// Truncate returns log-weights with every weight limited to √n times the mean weight. Truncation
// lowers the variance at the cost of a bias that vanishes as n grows. Source: Ionides, Truncated
// importance sampling, 2008.
func Truncate(logW []float64) []float64 {
	bound := LogMeanExp(logW) + math.Log(float64(len(logW)))/2
	out := make([]float64, len(logW))
	for i, l := range logW {
		out[i] = min(l, bound)
	}
	return out
}

// Resample draws n indices by systematic resampling: one random number decides all indices, and
// index i is drawn n·w_i times, rounded up or down. If all weights are zero, every index is 0.
func Resample(rng *rand.Rand, logW []float64, n int) []int {
	weights, out := Weights(logW), make([]int, n)
	i, cumulative, start := 0, weights[0], rng.Float64()
	for k := range out {
		for at := (start + float64(k)) / float64(n); cumulative < at && i < len(weights)-1; {
			i++
			cumulative += weights[i]
		}
		out[k] = i
	}
	return out
}
