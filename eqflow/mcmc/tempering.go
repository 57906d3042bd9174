package mcmc

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Tempering is parallel tempering: replicas at several temperatures make Move each and exchange
// configurations, so that the cold replica crosses barriers. The state shows the replica at
// Betas[0], which must be 1.
type Tempering struct {
	Move      Move      // Metropolis or MALA
	Betas     []float64 // inverse temperatures, decreasing from 1
	SwapEvery int       // steps between rounds of exchanges; 0 means 10
}

// Ladder returns count inverse temperatures from 1 to lowest, in equal ratios.
func Ladder(lowest float64, count int) []float64 {
	betas := make([]float64, count)
	for k := range betas {
		betas[k] = math.Pow(lowest, float64(k)/float64(max(1, count-1)))
	}
	return betas
}

// Validate returns an error unless the move is a single chain's and the inverse temperatures
// decrease from 1.
func (m Tempering) Validate() error {
	if m.Move == nil {
		return fmt.Errorf("mcmc: tempering has no move; give Metropolis or MALA")
	}
	if _, nested := m.Move.(Tempering); nested {
		return fmt.Errorf("mcmc: tempering cannot contain tempering; give Metropolis or MALA")
	}
	if len(m.Betas) < 2 || m.Betas[0] != 1 || m.SwapEvery < 0 {
		return fmt.Errorf("mcmc: tempering over %v with exchanges every %d steps; give at least two betas, the first 1",
			m.Betas, m.SwapEvery)
	}
	for i, beta := range m.Betas[1:] {
		if !(beta > 0 && beta < m.Betas[i]) {
			return fmt.Errorf("mcmc: tempering over %v; give positive betas that fall", m.Betas)
		}
	}
	return m.Move.Validate()
}

// Init starts every replica at x [n*d].
func (m Tempering) Init(t target.Target, x []float64) (*State, error) {
	s := &State{target: t}
	for _, beta := range m.Betas {
		replica, err := m.Move.Init(t, x)
		if err != nil {
			return nil, err
		}
		replica.Beta = beta
		// Hot replicas explore wider wells: the width of a harmonic well grows with the root of the
		// temperature.
		replica.Scale /= math.Sqrt(beta)
		s.replicas = append(s.replicas, replica)
	}
	s.showCold()
	return s, nil
}

// Step moves every replica once. Every SwapEvery steps it also tries to exchange alternating
// neighbours.
func (m Tempering) Step(rng *rand.Rand, s *State) Info {
	info := m.Move.Step(rng, s.replicas[0])
	for _, replica := range s.replicas[1:] {
		m.Move.Step(rng, replica)
	}
	every := cmp.Or(m.SwapEvery, 10)
	s.steps++
	if s.steps%every == 0 {
		for i := s.steps / every % 2; i+1 < len(s.replicas); i += 2 {
			info.Swaps++
			if exchange(rng, s.replicas[i], s.replicas[i+1]) {
				info.SwapsAccepted++
			}
		}
	}
	s.showCold()
	return info
}

// exchange swaps the configurations of two replicas with probability min(1,
// exp[(β_a−β_b)(u_a−u_b)]) and reports whether it did.
func exchange(rng *rand.Rand, a, b *State) bool {
	if !((b.Beta-a.Beta)*(a.U-b.U) <= rng.ExpFloat64()) {
		return false
	}
	a.X, b.X = b.X, a.X
	a.U, b.U = b.U, a.U
	a.Forces, b.Forces = b.Forces, a.Forces
	return true
}

// showCold makes the state that of the coldest replica.
func (s *State) showCold() {
	cold := s.replicas[0]
	s.X, s.U, s.Forces, s.Scale, s.Beta = cold.X, cold.U, cold.Forces, cold.Scale, cold.Beta
}
