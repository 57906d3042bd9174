// Package measure holds the figures that papers on samplers print: Wasserstein distances between samples of configurations,
// total variation, radial distribution functions, and free energies along collective variables, each defined as where it was
// published. Plain Go.
package measure

import (
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Sample is configurations with their reduced energies and, where they are to be reweighted, log-weights.
type Sample struct {
	X         particle.Batch
	Energy    []float64 // [n]
	LogWeight []float64 // [n], nil for equal weights
}

// slice is the configurations from (inclusive) to (exclusive), unweighted.
func (s Sample) slice(from, to int) Sample {
	return Sample{X: s.X.Slice(from, to), Energy: s.Energy[from:to]}
}

// spread returns size configurations, evenly spaced, unweighted: neighbours of one Markov chain are alike.
func (s Sample) spread(size int) Sample {
	indices := make([]int, size)
	energy := make([]float64, size)
	for k := range indices {
		indices[k] = k * s.X.Len() / size
		energy[k] = s.Energy[indices[k]]
	}
	return Sample{X: s.X.Select(indices), Energy: energy}
}

// pairDistances pools the distances of all pairs of all configurations, each with its configuration's log-weight.
func (s Sample) pairDistances() (distances, logWeights []float64) {
	pairs := s.X.N * (s.X.N - 1) / 2
	distances = make([]float64, 0, pairs*s.X.Len())
	for i := range s.X.Len() {
		distances = append(distances, particle.Distances(s.X.At(i), s.X.D)...)
	}
	if s.LogWeight == nil {
		return distances, nil
	}
	logWeights = make([]float64, 0, len(distances))
	for _, w := range s.LogWeight {
		for range pairs {
			logWeights = append(logWeights, w)
		}
	}
	return distances, logWeights
}

// weights are normalised.
func (s Sample) weights() []float64 {
	if s.LogWeight == nil {
		return stats.Weights(make([]float64, s.X.Len()))
	}
	return stats.Weights(s.LogWeight)
}
