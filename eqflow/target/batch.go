package target

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Energies returns u [batch] of the configurations x [batch, n, d], in kT. Concurrency(t)
// goroutines share the work; each configuration's energy is the same bytes in any batch.
func Energies(t Target, x particle.Batch) []float64 {
	u := make([]float64, x.Len())
	energiesForces(t, x, u, nil)
	return u
}

// Evaluate fills in u [batch] of the configurations x [batch, n, d] and, unless it is nil, forces
// −∇u [batch, n, d], on the caller's goroutine.
func Evaluate(t Target, x particle.Batch, u, forces []float64) {
	if b, ok := t.(Batched); ok {
		b.EnergiesForces(x, u, forces)
		return
	}
	for i := range u {
		u[i] = t.EnergyForces(x.At(i), part(forces, x, i, i+1))
	}
}

// part returns the forces of configurations from (inclusive) to (exclusive), nil for nil.
func part(forces []float64, x particle.Batch, from, to int) []float64 {
	if forces == nil {
		return nil
	}
	width := x.N * x.D
	return forces[from*width : to*width : to*width]
}

// energiesForces is Evaluate on all cores.
func energiesForces(t Target, x particle.Batch, u, forces []float64) {
	block := 1
	if b, ok := t.(Batched); ok {
		block = b.Block()
	}
	parallel.For(Concurrency(t), (x.Len()+block-1)/block, func(k int) {
		from, to := k*block, min(x.Len(), (k+1)*block)
		Evaluate(t, x.Slice(from, to), u[from:to], part(forces, x, from, to))
	})
}

// EnergiesGradients returns u [batch] and its gradients ∇u [batch, n, d], minus the forces, of the
// configurations x.
func EnergiesGradients(t Target, x particle.Batch) (u []float64, gradients particle.Batch) {
	u, gradients = make([]float64, x.Len()), particle.NewBatch(x.Len(), x.N, x.D)
	energiesForces(t, x, u, gradients.X)
	negate(gradients.X)
	return u, gradients
}

// Forces returns −∇u [batch, n, d] of the configurations x, in kT per unit of length.
func Forces(t Target, x particle.Batch) particle.Batch {
	forces := particle.NewBatch(x.Len(), x.N, x.D)
	energiesForces(t, x, make([]float64, x.Len()), forces.X)
	return forces
}

// Virials returns x·∇u [batch] of the configurations x, in kT. Their mean over the Boltzmann
// distribution is DegreesOfFreedom(t), whatever the target.
func Virials(t Target, x particle.Batch) []float64 {
	_, virials := EnergiesVirials(t, x)
	return virials
}

// EnergiesVirials returns Energies and Virials from one evaluation of each configuration.
func EnergiesVirials(t Target, x particle.Batch) (u, virials []float64) {
	u, gradients := EnergiesGradients(t, x)
	virials = make([]float64, x.Len())
	for i := range virials {
		gradient := gradients.At(i)
		for k, c := range x.At(i) {
			virials[i] += c * gradient[k]
		}
	}
	return u, virials
}

// Tame returns an energy u whose growth beyond the cut is logarithmic,
//
//	u for u ≤ cut,  cut + ln(1 + u − cut) for u > cut
//
// and its slope d tamed/du. Overlaps of particles have energies of 1e10 kT and more; tamed, they do
// not drown every other configuration of a batch. An infinite u has slope 0.
func Tame(u, cut float64) (tamed, slope float64) {
	if excess := u - cut; excess > 0 {
		return cut + math.Log1p(excess), 1 / (1 + excess)
	}
	return u, 1
}

// TamedEnergiesGradients is EnergiesGradients of the energy tamed beyond the cut. The gradient is
// zero where the energy is infinite, at particles on top of each other.
func TamedEnergiesGradients(t Target, x particle.Batch, cut float64) (u []float64, gradients particle.Batch) {
	u, gradients = EnergiesGradients(t, x)
	for i := range u {
		tamed, slope := Tame(u[i], cut)
		u[i] = tamed
		out := gradients.At(i)
		if slope == 0 {
			clear(out) // a component can be infinite or NaN, and 0·Inf is NaN
			continue
		}
		for k := range out {
			out[k] *= slope
		}
	}
	return u, gradients
}
