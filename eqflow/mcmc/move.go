package mcmc

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Move is a Markov chain's transition that leaves the density exp(−u) invariant. A move is plain
// data and serves any number of chains at once; everything about one chain is in its State.
type Move interface {
	// Init starts a chain of t at x [n*d]. An error says why no chain can start there.
	Init(t target.Target, x []float64) (*State, error)
	// Step makes one transition, with randomness from rng alone.
	Step(rng *rand.Rand, s *State) Info
	// Validate returns an error if the move's settings make no sense.
	Validate() error
}

// Constraint reports whether a chain may be at x [n*d]. Proposals that it refuses are rejected, so
// the chain samples the target restricted to the allowed configurations. Many goroutines call it at
// once.
type Constraint func(x []float64) bool

// State is the current place of a chain. Only its move changes it.
type State struct {
	X      []float64 // [n*d], mean-free
	U      float64   // u(X), kT
	Forces []float64 // −∇u [n*d]; nil for moves without forces
	Scale  float64   // current step length: σ of Metropolis, h of MALA
	Beta   float64   // the chain samples exp(−Beta·u): 1 except for the hot replicas of tempering

	target         target.Target
	proposal       []float64
	proposalForces []float64
	adapted        int // steps of adaptation so far; −1 when adaptation is off
	replicas       []*State
	steps          int
}

// Info counts the outcomes of steps.
type Info struct {
	Steps, Accepted       int
	Swaps, SwapsAccepted  int     // of neighbouring replicas
	ScaleSum              float64 // sum of the step length over Steps
	OutOfBounds           int     // proposals that the constraint refused
	Chains, ChainsStarted int     // of a run: requested and started
}

// Acceptance is the accepted share of the steps.
func (i Info) Acceptance() float64 { return float64(i.Accepted) / math.Max(1, float64(i.Steps)) }

// SwapAcceptance is the accepted share of the replica exchanges.
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
		return nil, fmt.Errorf("mcmc: the start has %d numbers, but %s has %d coordinates; give n*d numbers",
			len(x), t.Name(), want)
	}
	s := &State{
		X: append([]float64(nil), x...), Scale: scale, Beta: 1,
		target: t, proposal: make([]float64, len(x)), adapted: -1,
	}
	particle.RemoveMean(s.X, t.Dim())
	if allowed != nil && !allowed(s.X) {
		return nil, errors.New("mcmc: the chain's constraint excludes the start; give a start that it allows")
	}
	if forces {
		s.Forces, s.proposalForces = make([]float64, len(x)), make([]float64, len(x))
	}
	s.refresh()
	if math.IsNaN(s.U) {
		return nil, fmt.Errorf("mcmc: the energy of %s is not a number at the start; start from finite coordinates",
			t.Name())
	}
	return s, nil
}

// refresh evaluates energy and forces again, after the target has changed.
func (s *State) refresh() { s.U = s.target.EnergyForces(s.X, s.Forces) }

// setAdaptive turns the adaptation of the step length on or off, for replicas too.
func (s *State) setAdaptive(on bool) {
	if on {
		s.adapted = max(0, s.adapted)
	} else {
		s.adapted = -1
	}
	for _, r := range s.replicas {
		r.setAdaptive(on)
	}
}

// adapt changes the logarithm of the step length towards the target acceptance. Its gains decrease
// (Robbins and Monro), so the step length converges.
func (s *State) adapt(accepted bool, acceptance float64) {
	if s.adapted < 0 {
		return
	}
	s.adapted++
	gain := 3 / math.Pow(float64(s.adapted+10), 0.7)
	if accepted {
		s.Scale *= math.Exp(gain * (1 - acceptance))
	} else {
		s.Scale *= math.Exp(-gain * acceptance)
	}
}

// outcome is the Info of one step at the current step length.
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
