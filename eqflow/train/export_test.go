package train

import "math/rand/v2"

// Orthogonal replaces the singular values of a stack of gradients by about one.
var Orthogonal = orthogonal

// Importance returns the weights of draws from a mixture of two densities.
var Importance = importance

// CountNear sets the weights of images with given divergences.
var CountNear = countNear

// MuonScale is the scale of Muon's steps.
const MuonScale = muonScale

// FlowTimes returns the times of a step of flow matching.
func FlowTimes(rng *rand.Rand, batch int, o Matching) []float64 {
	return flowTimes(rng, batch, valueOf(o.WithDefaults(0).(Matching).Focus))
}
