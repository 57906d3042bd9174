package mcmc

import (
	"context"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Chain is one long Metropolis chain, thinned.
type Chain struct {
	Start []float64 // [n*d]
	Sigma float64   // step length, in the target's unit of length
	Steps int
	Thin  int // steps from one kept configuration to the next
	Seed  uint64
	// Allowed confines the chain; nil allows every configuration. StayInState makes one.
	Allowed  Constraint
	Progress func(done, total int)
}

// Trajectory runs a chain and returns its Steps/Thin configurations in order of time, without the
// start.
//
// When ctx ends, it returns the configurations kept so far together with ctx's error.
func Trajectory(ctx context.Context, t target.Target, c Chain) (particle.Batch, Info, error) {
	if c.Thin < 1 || c.Steps < c.Thin {
		return particle.Batch{}, Info{}, fmt.Errorf(
			"mcmc: a trajectory of %d steps that keeps one of %d; give Steps >= Thin >= 1", c.Steps, c.Thin)
	}
	return Run(ctx, t, Metropolis{Sigma: c.Sigma, Allowed: c.Allowed}, FixedStart(c.Start),
		Settings{Keep: c.Steps / c.Thin, Thin: c.Thin, Seed: c.Seed, Progress: c.Progress})
}

// StayInState allows the configurations that have the label of start [n*d], so that a chain stays
// in its metastable state.
func StayInState(t target.PairWells, start []float64) Constraint {
	d, cutoff := t.Dim(), t.Cutoff()
	label := target.LabelOf(start, d, cutoff)
	return func(x []float64) bool { return target.HasLabel(x, d, cutoff, label) }
}
