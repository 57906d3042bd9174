package stats

import "math"

// AutocorrelationTime is the integrated autocorrelation time τ = 1 + 2 Σ ρ(lag) of a chain's series, in its steps: 1
// for independent values. The sum ends at the first lag beyond 5 τ (Sokal's window). A constant series has +Inf.
func AutocorrelationTime(series []float64) float64 {
	mean := average(series)
	variance := autocovariance(series, mean, 0)
	if variance == 0 {
		return math.Inf(1)
	}
	tau := 1.0
	for lag := 1; lag < len(series)/2; lag++ {
		tau += 2 * autocovariance(series, mean, lag) / variance
		if float64(lag) >= 5*tau {
			break
		}
	}
	return max(tau, 1/float64(len(series)))
}

// ChainESS is the number of independent values that a chain's series is worth, n/τ.
func ChainESS(series []float64) float64 {
	return float64(len(series)) / AutocorrelationTime(series)
}

// ChainMean is the mean of a correlated series with the error that its autocorrelation time gives.
func ChainMean(series []float64) Estimate {
	mean := average(series)
	variance := autocovariance(series, mean, 0)
	if variance == 0 {
		return Estimate{mean, 0}
	}
	return Estimate{mean, math.Sqrt(variance / ChainESS(series))}
}

// BlockMean is the mean of a correlated series with the error that the spread of block means gives. Blocks must be
// much longer than the autocorrelation time; a rest at the end that fills no block is left out.
func BlockMean(series []float64, blocks int) Estimate {
	length := len(series) / blocks
	var means running
	for b := range blocks {
		means.add(average(series[b*length : (b+1)*length]))
	}
	return Estimate{means.mean, means.deviation() / math.Sqrt(float64(blocks))}
}

func average(v []float64) float64 {
	sum := 0.0
	for _, value := range v {
		sum += value
	}
	return sum / float64(len(v))
}

func autocovariance(series []float64, mean float64, lag int) float64 {
	sum := 0.0
	for i := range len(series) - lag {
		sum += (series[i] - mean) * (series[i+lag] - mean)
	}
	return sum / float64(len(series))
}
