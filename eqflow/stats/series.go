package stats

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// AutocorrelationTime returns the integrated autocorrelation time τ = 1 + 2 Σ ρ(lag) of a series
// from a Markov chain, in steps of the series. Independent values have τ = 1. The sum ends at the
// first lag beyond 5 τ (Sokal's window). A constant series has τ = +Inf.
func AutocorrelationTime(series []float64) float64 {
	deviations := deviationsFromMean(series)
	variance := autocovariance(deviations, 0)
	if variance == 0 {
		return math.Inf(1)
	}
	tau := 1.0
	for lag := 1; lag < len(series)/2; lag++ {
		tau += 2 * autocovariance(deviations, lag) / variance
		if float64(lag) >= 5*tau {
			break
		}
	}
	return max(tau, 1/float64(len(series)))
}

// ChainESS returns the effective number of independent values in a correlated series, n/τ.
func ChainESS(series []float64) float64 {
	return float64(len(series)) / AutocorrelationTime(series)
}

// ChainMean returns the mean of a correlated series. Its standard error follows from the
// autocorrelation time.
func ChainMean(series []float64) Estimate {
	mean := stat.Mean(series, nil)
	variance := autocovariance(deviationsFromMean(series), 0)
	if variance == 0 {
		return Estimate{mean, 0}
	}
	return Estimate{mean, math.Sqrt(variance / ChainESS(series))}
}

// BlockMean returns the mean of a correlated series. Its standard error follows from the spread of
// the block means. Blocks must be much longer than the autocorrelation time. Values at the end that
// do not fill a block are ignored.
func BlockMean(series []float64, blocks int) Estimate {
	length := len(series) / blocks
	var means runningMoments
	for b := range blocks {
		means.add(stat.Mean(series[b*length:(b+1)*length], nil))
	}
	return Estimate{means.mean, means.deviation() / math.Sqrt(float64(blocks))}
}

func deviationsFromMean(series []float64) []float64 {
	out := make([]float64, len(series))
	copy(out, series)
	floats.AddConst(-stat.Mean(series, nil), out)
	return out
}

// autocovariance returns the mean product of two deviations that are lag steps apart, with the
// denominator n for every lag.
func autocovariance(deviations []float64, lag int) float64 {
	n := len(deviations)
	return floats.Dot(deviations[:n-lag], deviations[lag:]) / float64(n)
}
