package density

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Noise is the effect of an estimated divergence on log q and on the weights. It is measured by the
// spread of the probes, so that one probe is not enough. The NLL has no bias from it, and the NLL's
// error includes it.
type Noise struct {
	LogQError float64 `json:"log_q_error"` // root mean square of the standard errors of log q, nats
	// Inflation is the amount by which the noise raises log Z, in nats, if the weights are known.
	// It is about LogQError²/2, because ⟨exp(noise)⟩ > 1. It is larger if the error exceeds 1,
	// because the noise has longer tails than a normal distribution.
	Inflation float64 `json:"log_z_inflation"`
}

// NoiseOf computes the noise from the standard errors of log q, nil if unknown, and from the
// log-weights, nil if there are none. With weights w ∝ exp(−u − log q), the noise of each log q
// adds σ²/2 to the expected log-weight.
func NoiseOf(logQError, logWeight []float64) Noise {
	if len(logQError) == 0 {
		return Noise{math.NaN(), math.NaN()}
	}
	n, _ := NoiseOfWeighted(stats.InMemory(logQError, logWeight)) // memory gives no error
	if logWeight == nil {
		n.Inflation = math.NaN()
	}
	return n
}

// NoiseOfWeighted is NoiseOf for samples whose values are the standard errors of log q.
func NoiseOfWeighted(s stats.Weighted) (n Noise, err error) {
	square := 0.0
	corrected := stats.Weighted{N: s.N, Blocks: func(do func(values, logW []float64) error) error {
		var lower []float64
		return s.Blocks(func(errors, logW []float64) error {
			lower = append(lower[:0], logW...)
			for i, sigma := range errors {
				lower[i] -= sigma * sigma / 2
			}
			return do(errors, lower)
		})
	}}
	err = s.Blocks(func(errors, _ []float64) error {
		for _, sigma := range errors {
			square += sigma * sigma / float64(s.N)
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	n.LogQError = math.Sqrt(square)
	raised, err := s.Normalise()
	if err != nil {
		return n, err
	}
	without, err := corrected.Normalise()
	n.Inflation = raised.LogMeanExp() - without.LogMeanExp()
	return n, err
}

// Describe returns a line on the method of the divergence and on the noise of log q.
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
