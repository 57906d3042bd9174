// Package freeenergy computes differences of free energy between two ends: two targets of the same
// particles, or one target at two temperatures. It does so by Markov chains on a path between the
// ends, and by a generator of known density, so that the methods check each other.
//
// Free energies are F = −ln Z in kT of each end, on the mean-free subspace with its orthonormal
// measure. A difference is F of end B less F of end A.
//
//   - path.go: the path, and the samples of its rungs
//   - temperature.go: one system at another temperature
//   - ladder.go: perturbation, MBAR and thermodynamic integration from these samples
//   - difference.go: all methods of a ladder, as text
//   - states.go: the difference between two states of one target
//   - flow.go: the difference by way of a generator's density
//   - verdict.go: whether the methods agree
package freeenergy

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Path is the straight path between two ends,
//
//	u_λ(x) = (1−λ) u_A(x) + λ u_B(x).
//
// Between one system at two temperatures (AtTemperature) it is the path of the temperatures
// between.
type Path struct{ A, B target.Target }

// Validate returns an error unless the ends have the same particles.
func (p Path) Validate() error {
	if p.A.Particles() != p.B.Particles() || p.A.Dim() != p.B.Dim() {
		return fmt.Errorf("freeenergy: %s has %d particles in %d dimensions, and %s has %d in %d; "+
			"give two systems of the same particles", p.A.Name(), p.A.Particles(), p.A.Dim(),
			p.B.Name(), p.B.Particles(), p.B.Dim())
	}
	return nil
}

// Lambdas returns count points from 0 to 1 that lie closest at the ends: (1 − cos
// πk/(count−1))/2. They are the nodes of the quadrature of Clenshaw and Curtis.
func Lambdas(count int) []float64 {
	out := make([]float64, count)
	for k := range out {
		out[k] = (1 - math.Cos(math.Pi*float64(k)/float64(count-1))) / 2
	}
	out[count-1] = 1
	return out
}

// Rung holds samples of the path at one λ: the energies that they have at both ends.
type Rung struct {
	Lambda float64
	X      particle.Batch
	UA, UB []float64 // [N]
}

// Difference returns u_B − u_A of each sample.
func (r Rung) Difference() []float64 {
	out := make([]float64, len(r.UA))
	for i := range out {
		out[i] = r.UB[i] - r.UA[i]
	}
	return out
}

// Sample draws n configurations at λ by the Markov chains of mcmc.Equilibrium. progress may be
// nil. If ctx ends first, it returns ctx's error.
func (p Path) Sample(
	ctx context.Context, lambda float64, n int, seed uint64, progress func(done, total int),
) (Rung, error) {
	x, _, err := mcmc.Equilibrium(ctx, p.At(lambda), n, mcmc.Auto, seed, progress)
	if err != nil {
		return Rung{}, err
	}
	return p.Rung(lambda, x), nil
}

// Rung returns the rung of configurations x that were drawn at λ.
func (p Path) Rung(lambda float64, x particle.Batch) Rung {
	return Rung{lambda, x, target.Energies(p.A, x), target.Energies(p.B, x)}
}

// At returns the target of the path at λ, for Markov chains.
func (p Path) At(lambda float64) target.Target {
	switch lambda {
	case 0:
		return p.A
	case 1:
		return p.B
	}
	return between{p.A, p.B, lambda}
}

// between is a target for Markov chains between the ends of a path.
type between struct {
	target.Target // A
	b             target.Target
	lambda        float64
}

// Graphless says that the energy has no graph.
func (between) Graphless() {}

// Reference is empty: no values are known.
func (between) Reference() target.Reference { return target.Reference{} }

// Relabelling is that of both ends.
func (t between) Relabelling() particle.Relabelling { return target.RelabellingOf(t.Target) }

// Sampling starts chains as those of the nearer end.
func (t between) Sampling() target.Sampling {
	if t.lambda > 0.5 {
		return target.SamplingOf(t.b)
	}
	return target.SamplingOf(t.Target)
}

// EnergyForces returns u_λ and writes −∇u_λ.
func (t between) EnergyForces(x, forces []float64) float64 {
	if forces == nil {
		return t.mix(t.Target.EnergyForces(x, nil), t.b.EnergyForces(x, nil))
	}
	other := make([]float64, len(forces))
	u := t.mix(t.Target.EnergyForces(x, forces), t.b.EnergyForces(x, other))
	for k := range forces {
		forces[k] = t.mix(forces[k], other[k])
	}
	return u
}

func (t between) mix(a, b float64) float64 { return (1-t.lambda)*a + t.lambda*b }
