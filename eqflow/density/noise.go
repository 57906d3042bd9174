package density

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Noise is what an estimated divergence does to log q and to the weights, by the spread of its probes. One probe cannot tell
// it. The NLL has no bias by it, and the NLL's error includes it.
type Noise struct {
	LogQError float64 `json:"log_q_error"` // root mean square of the standard errors of each log q
	// Inflation is by how much the noise raises log Z, where the weights are known: about LogQError²/2, because
	// ⟨exp(noise)⟩ > 1. It is more where the error exceeds 1, because the noise has longer tails than a normal distribution.
	Inflation float64 `json:"log_z_inflation"`
}

// NoiseOf sums up the standard errors of each log q, which are nil where they are not known, and their effect on the weights
// with these logarithms, nil for none. Under weights w ∝ exp(−u − log q) the noise of each log q adds σ²/2 to the mean of its
// log-weight.
func NoiseOf(logQError, logWeight []float64) Noise {
	n := Noise{LogQError: math.NaN(), Inflation: math.NaN()}
	if len(logQError) == 0 {
		return n
	}
	square, calm := 0.0, slices.Clone(logWeight)
	for i, sigma := range logQError {
		square += sigma * sigma / float64(len(logQError))
		if calm != nil {
			calm[i] -= sigma * sigma / 2
		}
	}
	n.LogQError = math.Sqrt(square)
	if calm != nil {
		n.Inflation = stats.LogMeanExp(logWeight) - stats.LogMeanExp(calm)
	}
	return n
}

// Describe says in a line how log-densities were found, and what noise they have.
func (n Noise) Describe(m engine.Method) string {
	text := "by " + m.Phrase()
	if m.Probes == 1 {
		text += ", which cannot tell its error and raises log Z"
	}
	if m.Probes > 1 && !math.IsNaN(n.LogQError) {
		text += fmt.Sprintf(": log q ± %.3f, root mean square", n.LogQError)
	}
	if m.Probes > 1 && !math.IsNaN(n.Inflation) {
		text += fmt.Sprintf(", which raises log Z by about %.3f", n.Inflation)
	}
	return text
}
