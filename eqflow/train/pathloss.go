package train

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sync/errgroup"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// pathGradientLoss is a divergence, up to a constant, with its path gradient. Its inputs are points
// on trajectories.
type pathGradientLoss struct{ objective string }

// String implements engine.Loss.
func (l pathGradientLoss) String() string { return l.objective + " with path gradients" }

// Graph implements engine.Loss.
func (l pathGradientLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	v, _ := f.(flow.Partial).At(in.T, in.X)
	surrogate := ReduceAllSum(Mul(v, in.Slopes))
	return Add(in.Value, Sub(surrogate, StopGradient(surrogate)))
}

// AtField implements engine.FieldLoss.
func (l pathGradientLoss) AtField(in engine.Inputs) engine.FieldTerm {
	return engine.FieldTerm{X: in.X, T: in.T, Cotangents: in.Slopes, Value: in.Value}
}

// leg is the set of a step's trajectories in one direction.
type leg struct {
	ends     particle.Batch // data, or draws from the prior
	fromData bool
	share    float64 // weight in the divergence
}

// trajectories returns the inputs of a step from trajectories that end at data, that begin in the
// prior, or both. On the host it solves both at once, because the field at few configurations
// leaves cores idle.
func (f *Feed) trajectories(cut float64, legs ...leg) (engine.Inputs, error) {
	out := engine.Inputs{
		X: particle.Batch{N: f.Prior.N, D: f.Prior.D}, Slopes: particle.Batch{N: f.Prior.N, D: f.Prior.D},
	}
	legs = slices.DeleteFunc(legs, func(l leg) bool { return l.share == 0 })
	solved, values := make([]trajectories, len(legs)), make([]float64, len(legs))
	var group errgroup.Group
	if !f.q.OnHost() || target.Concurrency(f.Target) == 1 {
		group.SetLimit(1)
	}
	for k, l := range legs {
		group.Go(func() (err error) {
			solved[k] = newTrajectories(f.Ends, f.q.ComputedBy(), f.q.SolverSteps())
			values[k], err = solved[k].solve(l, cut)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return out, err
	}
	for k, l := range legs {
		solved[k].appendInputs(&out, l.share)
		out.Value += l.share * values[k]
	}
	return out, nil
}

// solve solves a leg and returns the divergence up to a constant.
func (w trajectories) solve(l leg, cut float64) (value float64, err error) {
	if l.fromData {
		_, slopes := target.TamedEnergiesGradients(w.Target, l.ends, cut)
		err = w.fromTarget(l.ends, slopes)
	} else {
		err = w.fromPrior(l.ends, cut)
	}
	if err != nil {
		return 0, err
	}
	x := w.nodes[len(w.nodes)-1].x
	for i, logQ := range w.logQ() {
		if l.fromData {
			value -= logQ / float64(x.Len())
			continue
		}
		u, _ := target.Tame(w.Target.EnergyForces(x.At(i), nil), cut)
		value += (u + logQ) / float64(x.Len())
	}
	return value, nil
}
