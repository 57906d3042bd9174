package mcmc

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The acceptances that adaptation aims at are optimal in many dimensions (Roberts, Gelman and Gilks
// 1997; Roberts and Rosenthal 1998).
const (
	metropolisAcceptance = 0.234
	malaAcceptance       = 0.574
)

// Metropolis displaces all coordinates at once by N(0, Sigma²), with the mean displacement
// removed.
type Metropolis struct {
	Sigma   float64    // in the target's unit of length
	Allowed Constraint // nil: everywhere
}

// Validate returns an error unless the step length is positive.
func (m Metropolis) Validate() error { return validateScale("Metropolis sigma", m.Sigma) }

// Init starts a chain at x [n*d].
func (m Metropolis) Init(t target.Target, x []float64) (*State, error) {
	return newState(t, x, m.Sigma, false, m.Allowed)
}

// Step makes one proposal and accepts or rejects it.
func (m Metropolis) Step(rng *rand.Rand, s *State) Info {
	for i, x := range s.X {
		s.proposal[i] = x + s.Scale*rng.NormFloat64()
	}
	particle.RemoveMean(s.proposal, s.target.Dim())
	inside := m.Allowed == nil || m.Allowed(s.proposal)
	accepted := false
	if inside {
		u := s.target.EnergyForces(s.proposal, nil)
		// −ln of a uniform draw is exponential; a NaN compares false and is rejected.
		if accepted = s.Beta*(u-s.U) <= rng.ExpFloat64(); accepted {
			s.X, s.proposal, s.U = s.proposal, s.X, u
		}
	}
	info := s.outcome(accepted, inside)
	s.adapt(accepted, metropolisAcceptance)
	return info
}

// MALA is the Metropolis-adjusted Langevin algorithm: a step along the forces plus noise, accepted
// or rejected so that the density is exact.
//
//	x' = x + ½ h² f(x) + h ξ,  f = −∇u,  ξ mean-free normal
type MALA struct {
	H       float64    // step length, in the target's unit of length
	Allowed Constraint // nil: everywhere
}

// Validate returns an error unless the step length is positive.
func (m MALA) Validate() error { return validateScale("MALA h", m.H) }

// Init starts a chain at x [n*d].
func (m MALA) Init(t target.Target, x []float64) (*State, error) {
	return newState(t, x, m.H, true, m.Allowed)
}

// Step makes one proposal and accepts or rejects it.
func (m MALA) Step(rng *rand.Rand, s *State) Info {
	for i := range s.X {
		s.proposal[i] = s.Scale * rng.NormFloat64()
	}
	particle.RemoveMean(s.proposal, s.target.Dim())
	drift, forth := s.Scale*s.Scale/2*s.Beta, 0.0
	for i, x := range s.X {
		noise := s.proposal[i]
		forth += noise * noise
		s.proposal[i] = x + drift*s.Forces[i] + noise
	}
	inside := m.Allowed == nil || m.Allowed(s.proposal)
	accepted := false
	if inside {
		u := s.target.EnergyForces(s.proposal, s.proposalForces)
		back := 0.0
		for i, x := range s.X {
			noise := x - s.proposal[i] - drift*s.proposalForces[i]
			back += noise * noise
		}
		cost := s.Beta*(u-s.U) + (back-forth)/(2*s.Scale*s.Scale)
		if accepted = cost <= rng.ExpFloat64(); accepted {
			s.X, s.proposal, s.U = s.proposal, s.X, u
			s.Forces, s.proposalForces = s.proposalForces, s.Forces
		}
	}
	info := s.outcome(accepted, inside)
	s.adapt(accepted, malaAcceptance)
	return info
}

func validateScale(name string, v float64) error {
	if !(v > 0) || math.IsInf(v, 0) {
		return fmt.Errorf("mcmc: %s = %g moves nothing; give a positive length", name, v)
	}
	return nil
}
