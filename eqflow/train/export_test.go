package train

import "math/rand/v2"

// Orthogonal is what Muon makes of a stack of gradients.
var Orthogonal = orthogonal

// MuonReach is the size of Muon's steps.
const MuonReach = muonReach

// FlowTimes are the times of a step of flow matching.
func FlowTimes(s Settings, rng *rand.Rand) []float64 {
	return (&feed{Settings: s.WithDefaults()}).flowTimes(rng)
}
