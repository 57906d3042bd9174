package train

import (
	. "github.com/gomlx/gomlx/core/graph"
	"golang.org/x/sync/errgroup"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// pathGradient is a divergence, but for its constant, with its path gradient. Its inputs are places on trajectories.
type pathGradient struct{ of Objective }

// String implements engine.Loss.
func (l pathGradient) String() string { return string(l.of) + " with path gradients" }

// Graph implements engine.Loss.
func (l pathGradient) Graph(f flow.Bijection, in engine.Nodes) *Node {
	v, _ := f.(flow.Partial).At(in.T, in.X)
	along := ReduceAllSum(Mul(v, in.Slopes))
	return Add(in.Value, Sub(along, StopGradient(along)))
}

// AtField implements engine.FieldLoss.
func (l pathGradient) AtField(in engine.Inputs) engine.FieldTerm {
	return engine.FieldTerm{X: in.X, T: in.T, Cotangents: in.Slopes, Value: in.Value}
}

// leg is a step's trajectories in one direction.
type leg struct {
	ends     particle.Batch // data, or draws from the prior
	fromData bool
	share    float64 // of the divergence
}

// drawTrajectories makes the inputs of a step from trajectories to data, from the prior, or both. On the host both are under
// way at once, because programs of the field at few configurations leave cores idle.
func (f *feed) drawTrajectories(in engine.Inputs) (engine.Inputs, error) {
	n, d := f.q.Prior.N, f.q.Prior.D
	out := engine.Inputs{X: particle.Batch{N: n, D: d}, Slopes: particle.Batch{N: n, D: d}}
	var legs []leg
	forward := map[Objective]float64{Likelihood: 1, Mixture: 1 - f.EnergyShare}[f.Objective]
	if forward > 0 {
		legs = append(legs, leg{in.X, true, forward})
	}
	if forward < 1 {
		legs = append(legs, leg{in.Z, false, 1 - forward})
	}
	solved, values := make([]trajectories, len(legs)), make([]float64, len(legs))
	var group errgroup.Group
	if !f.q.OnHost() || target.Concurrency(f.target) == 1 {
		group.SetLimit(1)
	}
	for k, l := range legs {
		group.Go(func() (err error) {
			solved[k] = newTrajectories(f.ends(), f.q.ComputedBy(), f.q.SolverSteps())
			values[k], err = f.solve(l, solved[k])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return out, err
	}
	for k, l := range legs {
		solved[k].add(&out, l.share)
		out.Value += l.share * values[k]
	}
	return out, nil
}

// solve follows a leg, and returns the divergence but for a constant.
func (f *feed) solve(l leg, w trajectories) (value float64, err error) {
	if l.fromData {
		_, slopes := target.TamedEnergiesGradients(f.target, l.ends, f.EnergyCut)
		err = w.fromTarget(l.ends, slopes)
	} else {
		err = w.fromPrior(l.ends, f.EnergyCut)
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
		u, _ := target.Tame(f.target.EnergyForces(x.At(i), nil), f.EnergyCut)
		value += (u + logQ) / float64(x.Len())
	}
	return value, nil
}
