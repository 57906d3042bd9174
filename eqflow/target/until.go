package target

import (
	"context"
	"math"
	"slices"
	"sync/atomic"
)

// manyParticles is the number of particles from which one evaluation may take longer than a user
// waits.
const manyParticles = 1000

// until is a target whose energies end with a context.
type until struct {
	Target
	ctx   context.Context
	ended atomic.Bool
}

// Until returns a target with the energies of t until ctx ends, and NaN at no cost from then on.
// Minimisations and Markov chains, whose steps may take minutes for many particles, then end at
// once. The caller discards their results, and calls release when it needs the target no longer.
func Until(ctx context.Context, t Target) (limited Target, release func()) {
	u := &until{Target: t, ctx: ctx}
	stop := context.AfterFunc(ctx, func() { u.ended.Store(true) })
	return u, func() { stop() }
}

// EnergyForces implements Target.
func (u *until) EnergyForces(x, forces []float64) float64 {
	if u.ended.Load() {
		return notEvaluated(forces)
	}
	if u.Particles() < manyParticles {
		return u.Target.EnergyForces(x, forces)
	}
	// The evaluation has slices of its own: it may end after the caller has gone on.
	ownX, ownForces := slices.Clone(x), slices.Clone(forces)
	energy := make(chan float64, 1)
	go func() { energy <- u.Target.EnergyForces(ownX, ownForces) }()
	select {
	case value := <-energy:
		copy(forces, ownForces)
		return value
	case <-u.ctx.Done():
		return notEvaluated(forces)
	}
}

// notEvaluated fills in forces, which may be nil, and returns an energy. Both are NaN.
func notEvaluated(forces []float64) float64 {
	for k := range forces {
		forces[k] = math.NaN()
	}
	return math.NaN()
}

// Concurrency is that of the target itself.
func (u *until) Concurrency() int { return Concurrency(u.Target) }
