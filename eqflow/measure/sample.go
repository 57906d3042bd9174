package measure

import (
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Sample is configurations with their reduced energies and, for reweighting, their log-weights.
type Sample struct {
	X         particle.Batch
	Energy    []float64 // [n]
	LogWeight []float64 // [n], nil for equal weights
}

// slice returns the configurations from (inclusive) to (exclusive), without weights.
func (s Sample) slice(from, to int) Sample {
	return Sample{X: s.X.Slice(from, to), Energy: s.Energy[from:to]}
}

// thinned returns size evenly spaced configurations, without weights. Neighbours in a Markov chain
// are correlated.
func (s Sample) thinned(size int) Sample {
	indices := make([]int, size)
	energy := make([]float64, size)
	for k := range indices {
		indices[k] = k * s.X.Len() / size
		energy[k] = s.Energy[indices[k]]
	}
	return Sample{X: s.X.Select(indices), Energy: energy}
}

// pairDistances returns the distances of all pairs of all configurations, each with the log-weight
// of its configuration.
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

// weights returns the normalised weights.
func (s Sample) weights() []float64 {
	if s.LogWeight == nil {
		return stats.Weights(make([]float64, s.X.Len()))
	}
	return stats.Weights(s.LogWeight)
}

// middles returns the middle of each bin.
func middles(edges []float64) []float64 {
	out := make([]float64, len(edges)-1)
	for k := range out {
		out[k] = (edges[k] + edges[k+1]) / 2
	}
	return out
}
