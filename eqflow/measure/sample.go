package measure

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Sample is configurations with their reduced energies and, for reweighting, their log-weights.
type Sample struct {
	X         particle.Batch
	Energy    []float64 // [n]
	LogWeight []float64 // [n], nil for equal weights
}

// validate returns an error if the sample does not have an energy, and a log-weight if there are
// any, for every configuration.
func (s Sample) validate() error {
	n := s.X.Len()
	if len(s.Energy) != n || (s.LogWeight != nil && len(s.LogWeight) != n) {
		return fmt.Errorf("measure: %d configurations have %d energies and %d log-weights; give one of each",
			n, len(s.Energy), len(s.LogWeight))
	}
	return nil
}

// shuffled returns disjoint random parts of the given size, at most so many, without weights.
// Neither the order of a Markov chain nor that of a sorted file is that of the parts. Within a part
// the configurations keep their order, so that a part with all of them is the sample.
func (s Sample) shuffled(size, parts int, seed, stream uint64) []Sample {
	order := rand.New(rand.NewPCG(seed, stream)).Perm(s.X.Len())
	var out []Sample
	for from := 0; from+size <= len(order) && len(out) < parts; from += size {
		indices := slices.Sorted(slices.Values(order[from : from+size]))
		energy := make([]float64, size)
		for k, i := range indices {
			energy[k] = s.Energy[i]
		}
		out = append(out, Sample{X: s.X.Select(indices), Energy: energy})
	}
	return out
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
