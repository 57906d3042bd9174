package density

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Path follows the flow from prior configurations to target configurations. It returns the
// configurations at the given number of frames, evenly spaced in flow time, both ends included. It
// takes steps of Dopri5, twice as many as the flow's own solver. It is thus finer than Sample, and
// equals it where the flow's solver is accurate.
func (q *Pushforward) Path(z particle.Batch, frames int) ([]particle.Batch, error) {
	return q.follow(z, 0, 1, frames)
}

// PathToPrior follows the flow backwards, from target configurations to prior configurations.
func (q *Pushforward) PathToPrior(x particle.Batch, frames int) ([]particle.Batch, error) {
	return q.follow(x, 1, 0, frames)
}

// follow solves the flow from t0 to t1, one frame after the other.
func (q *Pushforward) follow(x particle.Batch, t0, t1 float64, frames int) ([]particle.Batch, error) {
	if _, ok := q.flow.Config.(flow.Continuous); !ok || frames < 2 {
		return nil, fmt.Errorf("eqflow: a path needs a continuous flow and at least 2 frames, not %T and %d",
			q.flow.Config, frames)
	}
	if err := q.checkShape(x); err != nil {
		return nil, err
	}
	path := []particle.Batch{x.Clone().RemoveMean()}
	time := func(k int) float64 { return t0 + (t1-t0)*float64(k)/float64(frames-1) }
	for k := range frames - 1 {
		leg := engine.Solve{
			T0: time(k), T1: time(k + 1), Method: ode.Dopri5, Steps: q.stepsBetween(frames), NoDensity: true,
		}
		image, err := q.engine.Map(path[k], leg, q.progress("following the flow", x.Len()))
		if err != nil {
			return nil, err
		}
		path = append(path, image.X)
	}
	return path, nil
}

// stepsBetween returns the number of steps from one frame to the next.
func (q *Pushforward) stepsBetween(frames int) int {
	between := frames - 1
	return max(1, (2*q.SolverSteps()+between-1)/between)
}
