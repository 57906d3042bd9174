package mcmc

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Tempering is parallel tempering: replicas at several temperatures that move by Kernel and exchange configurations,
// so that the cold one crosses barriers. The state shows the replica at Betas[0], which must be 1.
type Tempering struct {
	Kernel    Kernel    // Metropolis or MALA
	Betas     []float64 // inverse temperatures, falling from 1
	SwapEvery int       // steps between rounds of exchanges, 10 where zero
}

// Ladder returns count inverse temperatures from 1 to lowest, in equal ratios.
func Ladder(lowest float64, count int) []float64 {
	betas := make([]float64, count)
	for k := range betas {
		betas[k] = math.Pow(lowest, float64(k)/float64(max(1, count-1)))
	}
	return betas
}

// Validate asks for a plain kernel and falling temperatures.
func (k Tempering) Validate() error {
	if k.Kernel == nil {
		return fmt.Errorf("mcmc: tempering without a kernel; give Metropolis or MALA")
	}
	if _, nested := k.Kernel.(Tempering); nested {
		return fmt.Errorf("mcmc: tempering within tempering; give Metropolis or MALA")
	}
	if len(k.Betas) < 2 || k.Betas[0] != 1 || k.SwapEvery < 0 {
		return fmt.Errorf("mcmc: tempering over %v, exchanges every %d; give at least two betas, the first 1", k.Betas, k.SwapEvery)
	}
	for i, beta := range k.Betas[1:] {
		if !(beta > 0 && beta < k.Betas[i]) {
			return fmt.Errorf("mcmc: tempering over %v; give positive betas that fall", k.Betas)
		}
	}
	return k.Kernel.Validate()
}

// Init starts every replica at x.
func (k Tempering) Init(t target.Target, x []float64) (*State, error) {
	s := &State{target: t}
	for _, beta := range k.Betas {
		replica, err := k.Kernel.Init(t, x)
		if err != nil {
			return nil, err
		}
		replica.Beta = beta
		// Hot replicas move in wider wells: a harmonic one widens with the root of the temperature.
		replica.Scale /= math.Sqrt(beta)
		s.replicas = append(s.replicas, replica)
	}
	s.showCold()
	return s, nil
}

// Step moves every replica once and, every SwapEvery steps, tries to exchange alternating neighbours.
func (k Tempering) Step(rng *rand.Rand, s *State) Info {
	info := k.Kernel.Step(rng, s.replicas[0])
	for _, replica := range s.replicas[1:] {
		k.Kernel.Step(rng, replica)
	}
	every := k.SwapEvery
	if every == 0 {
		every = 10
	}
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

// exchange swaps the configurations of two replicas with probability min(1, exp[(β_a−β_b)(u_a−u_b)]).
func exchange(rng *rand.Rand, a, b *State) bool {
	if !((b.Beta-a.Beta)*(a.U-b.U) <= rng.ExpFloat64()) {
		return false
	}
	a.X, b.X = b.X, a.X
	a.U, b.U = b.U, a.U
	a.Forces, b.Forces = b.Forces, a.Forces
	return true
}

func (s *State) showCold() {
	cold := s.replicas[0]
	s.X, s.U, s.Forces, s.Scale, s.Beta = cold.X, cold.U, cold.Forces, cold.Scale, cold.Beta
}
