package ensemble

import (
	"cmp"
	"math"
	"slices"
)

// FirstTimeStep is the time step with which trajectories begin, fs: that of alanine dipeptide.
const FirstTimeStep = 1.9

// HydrogenMass is the mass with which hydrogens move, u. It allows longer steps.
const HydrogenMass = 4.0

// KineticMasses returns the masses [n] with which trajectories of Hamiltonian Monte Carlo move the
// atoms, in u. Only their path depends on them.
func (c *Canonical) KineticMasses() []float64 {
	out := slices.Clone(c.System().Masses)
	for i, m := range out {
		out[i] = max(m, HydrogenMass)
	}
	return out
}

// TimeStep returns a time step in fs (0: FirstTimeStep) in the units of mcmc.Replicas, which are
// nm √(u/kT).
func (c *Canonical) TimeStep(fs float64) float64 {
	return cmp.Or(fs, FirstTimeStep) * 1e-3 * math.Sqrt(c.KT())
}
