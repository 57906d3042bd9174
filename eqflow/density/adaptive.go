package density

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// LogProbAdaptive is LogProb by an adaptive solve with Dopri5. It is a check on the fixed steps
// that shares only the field with them. It returns the log-densities in nats and the largest number
// of steps that a block of configurations took. All configurations of a block take the same steps.
func (q *Pushforward) LogProbAdaptive(x particle.Batch, control ode.Adaptive) (
	logProb []float64, steps int, err error) {
	if _, ok := q.flow.Config.(flow.Continuous); !ok {
		return nil, 0, fmt.Errorf("eqflow: %T has no solver to adapt; use LogProb", q.flow.Config)
	}
	if err := q.checkShape(x); err != nil {
		return nil, 0, err
	}
	x = x.Clone().RemoveMean()
	block, progress := q.engine.Block(x.Len(), q.divergence.Probes), q.progress("the adaptive solve", x.Len())
	for from := 0; from < x.Len(); from += block {
		to := min(from+block, x.Len())
		z, integral, count, err := q.solveToPrior(x.Slice(from, to), control)
		if err != nil {
			return nil, 0, err
		}
		steps = max(steps, count)
		for i, v := range integral {
			logProb = append(logProb, q.Prior.LogDensity(z.At(i))+v)
		}
		if err := progress(to); err != nil {
			return nil, 0, err
		}
	}
	return logProb, steps, nil
}

// solveToPrior solves a block of configurations back to the prior, and returns the integral of the
// divergence.
func (q *Pushforward) solveToPrior(x particle.Batch, control ode.Adaptive) (
	z particle.Batch, integral []float64, steps int, err error) {
	y := engine.StateOf(x)
	steps, err = control.Solve(ode.Dopri5, engine.RateOf(q.engine, x, q.divergence.Vectors(x)), y, 1, 0)
	return particle.Batch{X: y[:len(x.X)], N: x.N, D: x.D}, y[len(x.X):], steps, err
}
