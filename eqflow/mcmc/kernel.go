// Package mcmc draws configurations from a target's Boltzmann distribution with Markov chains, in plain Go.
//
// A Kernel is plain data: it makes a chain's State from a configuration (Init) and moves it (Step); what a step did
// is Info. Run drives thousands of independent chains over all cores and gives the same bytes for a seed whatever
// their number. Equilibrium and Trajectory are the two common uses, AnnealedLogZ estimates log Z.
//
// All chains live on the mean-free subspace: proposals have their centre of mass removed.
package mcmc

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Kernel is a way to move a chain that leaves exp(−u) as it is.
type Kernel interface {
	// Init starts a chain of t at x [n*d]; an error says why none can start there.
	Init(t target.Target, x []float64) (*State, error)
	// Step moves the chain once, with randomness from rng alone.
	Step(rng *rand.Rand, s *State) Info
	// Validate returns an error where the kernel's settings make no sense.
	Validate() error
}

// Constraint says whether a chain may be at x [n*d]. Moves to where it may not are rejected, so that the chain
// samples the target restricted to the allowed configurations. It is called from many goroutines at once.
type Constraint func(x []float64) bool

// State is where a chain is. Only its kernel changes it.
type State struct {
	X      []float64 // [n*d], mean-free
	U      float64   // u(X), kT
	Forces []float64 // −∇u [n*d]; nil for kernels that need none
	Scale  float64   // current step length: σ of Metropolis, h of MALA
	Beta   float64   // the chain samples exp(−Beta·u): 1 but for the hot replicas of tempering

	target   target.Target
	proposal []float64
	slopes   []float64 // forces at the proposal
	adapted  int       // steps of adaptation so far, −1 when it is off
	replicas []*State
	steps    int
}

// Info counts what steps did.
type Info struct {
	Steps, Accepted       int
	Swaps, SwapsAccepted  int     // of neighbouring replicas
	ScaleSum              float64 // sum of the step length over Steps
	OutOfBounds           int     // proposals that the constraint refused
	Chains, ChainsStarted int     // asked for and begun, of a run
}

// Acceptance is the share of steps that moved.
func (i Info) Acceptance() float64 { return float64(i.Accepted) / math.Max(1, float64(i.Steps)) }

// SwapAcceptance is the share of tried replica exchanges that happened.
func (i Info) SwapAcceptance() float64 {
	return float64(i.SwapsAccepted) / math.Max(1, float64(i.Swaps))
}

// Scale is the mean step length.
func (i Info) Scale() float64 { return i.ScaleSum / math.Max(1, float64(i.Steps)) }

func (i *Info) add(other Info) {
	i.Steps += other.Steps
	i.Accepted += other.Accepted
	i.Swaps += other.Swaps
	i.SwapsAccepted += other.SwapsAccepted
	i.ScaleSum += other.ScaleSum
	i.OutOfBounds += other.OutOfBounds
}

// newState starts a chain at a mean-free copy of x.
func newState(t target.Target, x []float64, scale float64, forces bool, allowed Constraint) (*State, error) {
	if want := t.Particles() * t.Dim(); len(x) != want {
		return nil, fmt.Errorf("mcmc: a start of %d numbers for %s, which has %d; give n*d numbers", len(x), t.Name(), want)
	}
	s := &State{
		X: append([]float64(nil), x...), Scale: scale, Beta: 1,
		target: t, proposal: make([]float64, len(x)), adapted: -1,
	}
	particle.RemoveMean(s.X, t.Dim())
	if allowed != nil && !allowed(s.X) {
		return nil, fmt.Errorf("mcmc: the start lies outside the chain's constraint; start from a configuration that it allows")
	}
	if forces {
		s.Forces, s.slopes = make([]float64, len(x)), make([]float64, len(x))
	}
	s.refresh()
	if math.IsNaN(s.U) {
		return nil, fmt.Errorf("mcmc: the energy of the start of %s is not a number; start from finite coordinates", t.Name())
	}
	return s, nil
}

// refresh evaluates energy and forces anew, after the target has changed.
func (s *State) refresh() { s.U = s.target.EnergyForces(s.X, s.Forces) }

// adaptive turns the adaptation of the step length on or off, for replicas too.
func (s *State) adaptive(on bool) {
	if on {
		s.adapted = max(0, s.adapted)
	} else {
		s.adapted = -1
	}
	for _, r := range s.replicas {
		r.adaptive(on)
	}
}

// adapt moves the logarithm of the step length towards the wanted acceptance, by ever smaller gains (Robbins and
// Monro), so that it settles.
func (s *State) adapt(accepted bool, wanted float64) {
	if s.adapted < 0 {
		return
	}
	s.adapted++
	gain := 3 / math.Pow(float64(s.adapted+10), 0.7)
	if accepted {
		s.Scale *= math.Exp(gain * (1 - wanted))
	} else {
		s.Scale *= math.Exp(-gain * wanted)
	}
}

// outcome of one step at the current step length.
func (s *State) outcome(accepted, inside bool) Info {
	info := Info{Steps: 1, ScaleSum: s.Scale}
	if accepted {
		info.Accepted = 1
	}
	if !inside {
		info.OutOfBounds = 1
	}
	return info
}
