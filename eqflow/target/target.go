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

// Sampling is what Markov chains of a system begin with: step lengths, which they adapt, how many chains and how long, and
// where they start. Lengths are in the system's unit, and steps those of a system of eight coordinates.
type Sampling struct {
	Forces     bool    // move along the forces (MALA), rather than at random (Metropolis)
	Sigma, H   float64 // step lengths of Metropolis and of MALA
	Chains     int     // at most
	Burn, Thin int     // steps before the first kept configuration, and from one to the next
	LowestBeta float64 // lowest inverse temperature of parallel tempering
	BetaRatio  float64 // of neighbouring inverse temperatures
	Spread     float64 // of a normal as wide as the system
	Start      float64 // standard deviation of the starting coordinates
	Relaxed    bool    // start where those relax to, free of overlaps
	Tempered   bool    // barriers are too high for single chains: sample by parallel tempering unless told otherwise
}

// SamplingOf returns what t says of its sampling, or what suits a system of which nothing is known.
func SamplingOf(t Target) Sampling {
	if s, ok := t.(interface{ Sampling() Sampling }); ok {
		return s.Sampling()
	}
	// An evaluation of a system of the user's own costs some microseconds.
	return Sampling{Sigma: 0.3, H: 0.2, Chains: 1024, Burn: 4000, Thin: 400, LowestBeta: 0.2, BetaRatio: 0.67, Spread: 1, Start: 1, Relaxed: true}
}
