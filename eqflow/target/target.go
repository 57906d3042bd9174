package target

import (
	"fmt"
	"math"
	"runtime"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Target is the Boltzmann distribution p(x) ∝ exp(−u(x)) of n particles in d dimensions that a
// generator learns.
//
// u = U/kT is dimensionless. It is invariant under translation, rotation, reflection and the
// relabellings that RelabellingOf returns. Energy, for graphs, and EnergyForces, for samplers in
// plain Go, agree to rounding.
type Target interface {
	// Name identifies the system in files and messages: "dw4", "lj13", …
	Name() string
	// Particles is n and Dim is d.
	Particles() int
	Dim() int
	// Energy returns u [batch] of configurations x [batch, n, d].
	Energy(x *graph.Node) *graph.Node
	// EnergyForces returns u of one configuration x [n*d] and, if forces is not nil, writes −∇u
	// [n*d] into it. Many goroutines may call it at once.
	EnergyForces(x, forces []float64) float64
	// Reference returns values of the system that are known from elsewhere; the zero value if none
	// is known.
	Reference() Reference
}

// Batched is a target that evaluates many configurations together at less cost than one by one.
type Batched interface {
	Target
	// EnergiesForces fills in u [batch] of the configurations x [batch, n, d] and, if forces is not
	// nil, −∇u [batch, n, d]. A configuration's energy is the same bytes in any batch. It is
	// +Inf where the energy is not finite. Many goroutines may call it at once.
	EnergiesForces(x particle.Batch, u, forces []float64)
	// Block is the number of configurations at which one costs least.
	Block() int
}

// Rough is a target with forces of less precision at less cost, for the steps between two exact
// energies, which decide.
type Rough interface {
	Batched
	// RoughForces fills in u and forces as EnergiesForces does.
	RoughForces(x particle.Batch, u, forces []float64)
}

// Graphless is a target whose energy has no graph: its method Energy panics. Whatever needs the
// energy inside a graph refuses the target.
type Graphless interface{ Graphless() }

// DescriptionOf says in one line what the system is, for results, such as a molecule's solvent and
// temperature. It is "" if the name says it all.
func DescriptionOf(t Target) string {
	if d, ok := t.(interface{ Description() string }); ok {
		return d.Description()
	}
	return ""
}

// Reference holds known values of a target on the mean-free subspace with its orthonormal measure,
// and their standard errors. If Known is false, the numbers mean nothing.
type Reference struct {
	Known        bool
	LogZ         float64 // ln ∫ exp(−u) dx, nats
	LogZError    float64
	Entropy      float64 // differential entropy, nats: no honest NLL on equilibrium data lies below it
	EntropyError float64
	MeanEnergy   float64 // ⟨u⟩, kT
}

// DegreesOfFreedom is (n−1)·d, the dimension of the mean-free subspace and the exact virial
// ⟨x·∇u⟩ of every target.
func DegreesOfFreedom(t Target) int { return (t.Particles() - 1) * t.Dim() }

// RelabellingOf returns the relabellings that leave u invariant: all, unless t has a method
// Relabelling.
func RelabellingOf(t Target) particle.Relabelling {
	if r, ok := t.(interface{ Relabelling() particle.Relabelling }); ok {
		return r.Relabelling()
	}
	return particle.Relabelling{}
}

// LengthUnit is the unit of t's lengths for the axes of figures, "nm" or "r_{m}", and "" if the
// lengths are reduced by nothing that has a name. It is "" unless t has a method LengthUnit.
func LengthUnit(t Target) string {
	if u, ok := t.(interface{ LengthUnit() string }); ok {
		return u.LengthUnit()
	}
	return ""
}

// Concurrency is how many goroutines should evaluate t at once: one for each core, unless t has a
// method Concurrency. A target that evaluates many configurations together wants more.
func Concurrency(t Target) int {
	if c, ok := t.(interface{ Concurrency() int }); ok {
		return c.Concurrency()
	}
	return runtime.GOMAXPROCS(0)
}

// Sampling is what Markov chains of a system start with: step lengths, which they adapt, the number
// and length of the chains, and the starting configurations. Lengths are in the system's unit; step
// lengths are for eight coordinates.
type Sampling struct {
	Forces     bool    // move along the forces (MALA), rather than at random (Metropolis)
	Sigma, H   float64 // step lengths of Metropolis and of MALA
	Chains     int     // at most
	Burn, Thin int     // steps before the first kept configuration, and from one to the next
	LowestBeta float64 // inverse temperature of the hottest replica of parallel tempering
	BetaRatio  float64 // of neighbouring inverse temperatures
	Spread     float64 // standard deviation of a normal as wide as the system
	// Start is the standard deviation of the starting coordinates. It is 0 if random coordinates
	// are no start, as of a molecule.
	Start    float64
	Relaxed  bool // relax the starting configurations, which removes overlaps
	Tempered bool // barriers are too high for single chains: use parallel tempering by default
}

// SamplingOf returns the Sampling of t, or one for an unknown system if t has no method Sampling.
func SamplingOf(t Target) Sampling {
	if s, ok := t.(interface{ Sampling() Sampling }); ok {
		return s.Sampling()
	}
	// One evaluation of a user's own system costs some microseconds.
	return Sampling{
		Sigma: 0.3, H: 0.2, Chains: 1024, Burn: 4000, Thin: 400, LowestBeta: 0.2, BetaRatio: 0.67, Spread: 1, Start: 1,
		Relaxed: true,
	}
}

func validateSize(n, d int) error {
	if n < 2 || d < 1 {
		return fmt.Errorf("target: %d particles in %d dimensions are no system; give n >= 2 and d >= 1", n, d)
	}
	return nil
}

func validateFinite(name string, constants ...float64) error {
	for _, v := range constants {
		if !finite(v) {
			return fmt.Errorf("target: %s has a constant that is %g; give finite numbers", name, v)
		}
	}
	return nil
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
