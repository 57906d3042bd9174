package train

import "math/rand/v2"

// Orthogonal is what Muon makes of a stack of gradients.
var Orthogonal = orthogonal

// MuonReach is the size of Muon's steps.
const MuonReach = muonReach

// FlowTimes are the times of a step of flow matching.
func FlowTimes(rng *rand.Rand, batch int, o Matching) []float64 {
	return flowTimes(rng, batch, valueOf(o.WithDefaults(0).(Matching).Focus))
}
