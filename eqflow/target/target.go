package target

import (
	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Target is the Boltzmann distribution p(x) ∝ exp(−u(x)) of n particles in d dimensions that a generator learns.
//
// u = U/kT is dimensionless and does not change under translation, rotation, reflection and relabelling, the last as
// far as RelabellingOf says. Both evaluations agree to rounding: Energy inside graphs, EnergyForces in plain Go, for samplers on all cores.
type Target interface {
	// Name identifies the system in files and messages: "dw4", "lj13", …
	Name() string
	// Particles is n and Dim is d.
	Particles() int
	Dim() int
	// Energy returns u [batch] of configurations x [batch, n, d].
	Energy(x *graph.Node) *graph.Node
	// EnergyForces returns u of one configuration x [n*d] and, where forces is not nil, writes −∇u [n*d] into it.
	// It may be called from many goroutines at once.
	EnergyForces(x, forces []float64) float64
	// Reference returns what is known about the system from elsewhere; its zero value says that nothing is.
	Reference() Reference
}

// Reference holds known values of a target on the mean-free subspace with its orthonormal measure, and their standard errors.
// Known is false where no value is known, and the numbers then mean nothing.
type Reference struct {
	Known        bool
	LogZ         float64 // ln ∫ exp(−u) dx, nats
	LogZError    float64
	Entropy      float64 // differential entropy, nats: no honest NLL on equilibrium data lies below it
	EntropyError float64
	MeanEnergy   float64 // ⟨u⟩, kT
}

// RelabellingOf returns the relabellings that leave t as it is: those of its method Relabelling if it has one, else all.
func RelabellingOf(t Target) particle.Relabelling {
	if r, ok := t.(interface{ Relabelling() particle.Relabelling }); ok {
		return r.Relabelling()
	}
	return particle.Relabelling{}
}
