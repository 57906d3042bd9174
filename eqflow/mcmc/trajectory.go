package mcmc

import (
	"context"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Path is one long Metropolis chain, thinned.
type Path struct {
	Start []float64 // [n*d]
	Sigma float64   // in the target's unit of length
	Steps int
	Thin  int // steps from one kept configuration to the next
	Seed  uint64
	// Allowed keeps the chain where it says; nil lets it go anywhere. StayInState makes one.
	Allowed  Constraint
	Progress func(done, total int)
}

// Trajectory runs a Path and returns its Steps/Thin configurations in order of time; the start is not among them.
//
// When ctx ends it returns what has been kept so far together with ctx's error.
func Trajectory(ctx context.Context, t target.Target, p Path) (particle.Batch, Info, error) {
	if p.Thin < 1 || p.Steps < p.Thin {
		return particle.Batch{}, Info{}, fmt.Errorf("mcmc: a trajectory of %d steps, one kept of %d; give Steps >= Thin >= 1", p.Steps, p.Thin)
	}
	return Run(ctx, t, Metropolis{Sigma: p.Sigma, Allowed: p.Allowed}, FixedStart(p.Start),
		Settings{Keep: p.Steps / p.Thin, Thin: p.Thin, Seed: p.Seed, Progress: p.Progress})
}

// StayInState allows configurations with the label of start [n*d], so that a chain stays in its metastable state.
func StayInState(t target.PairWells, start []float64) Constraint {
	d, cutoff := t.Dim(), t.Cutoff()
	label := target.LabelOf(start, d, cutoff)
	return func(x []float64) bool { return target.HasLabel(x, d, cutoff, label) }
}
