package measure

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// RadialDistribution is a radial distribution function, the density of other particles at a
// distance r from a particle:
//
//	g(r) = ⟨Σ_{i≠j} δ(r − d_ij)⟩ / (n S_d r^{d−1}),  S_2 = 2π, S_3 = 4π,
//
// in 1/length^d (Allen and Tildesley, Computer Simulation of Liquids, section 2.6). It is not
// divided by the bulk density, which a cluster does not have. For two types A and B, i runs over A
// and j over B, and n is the number of particles of type A.
type RadialDistribution struct {
	Types     string           `json:"of"`        // "all", or the two types, such as "0-1"
	Dim       int              `json:"dim"`       // d, which the unit of g depends on
	Unit      string           `json:"unit"`      // of length, such as "nm"; "" if it has no name
	R         []float64        `json:"r"`         // middles of the bins, in length
	G         []stats.Estimate `json:"g"`         // of the sample, with its weights
	Reference []stats.Estimate `json:"reference"` // of the reference
}

// radialBins is the number of bins between 0 and the largest distance.
const radialBins = 100

// RadialDistributions returns g(r) of sample and reference for every pair of types in r. If all
// particles are alike, there is one such pair. The errors assume independent configurations.
func RadialDistributions(sample, reference Sample, r particle.Relabelling) []RadialDistribution {
	distances, _ := reference.pairDistances()
	edges := stats.Linspace(0, slices.Max(distances), radialBins+1)
	var out []RadialDistribution
	for _, p := range typePairs(r, sample.X.N) {
		out = append(out, RadialDistribution{
			Types: p.name, Dim: sample.X.D, R: middles(edges),
			G: p.density(sample, edges), Reference: p.density(reference, edges),
		})
	}
	return out
}

// typePair selects the ordered pairs of particles that one g(r) counts.
type typePair struct {
	name  string
	count func(i, j int) float64 // of the ordered pairs (i, j) and (j, i), the number that is selected
	size  int                    // particles of the first type
}

func typePairs(r particle.Relabelling, n int) []typePair {
	types := slices.Compact(slices.Sorted(slices.Values(r.Types)))
	if len(types) < 2 {
		return []typePair{{"all", func(_, _ int) float64 { return 2 }, n}}
	}
	var out []typePair
	for k, a := range types {
		for _, b := range types[k:] {
			out = append(out, newTypePair(r.Types, a, b))
		}
	}
	return out
}

// newTypePair selects the pairs of a particle of type a with a particle of type b.
func newTypePair(types []int, a, b int) typePair {
	size := 0
	for _, t := range types {
		if t == a {
			size++
		}
	}
	count := func(i, j int) float64 {
		s, t := types[i], types[j]
		switch {
		case s == a && t == b && a == b:
			return 2
		case s == a && t == b, s == b && t == a:
			return 1
		}
		return 0
	}
	return typePair{fmt.Sprintf("%d-%d", a, b), count, size}
}

// density returns g in every bin. The error of the weighted mean of the counts c follows from the
// delta method, Σ w²(c − ⟨c⟩)².
func (p typePair) density(s Sample, edges []float64) []stats.Estimate {
	weights, pairs := s.weights(), particle.Pairs(s.X.N)
	size := len(edges) - 1
	counts := make([]float64, s.X.Len()*size) // [configurations, bins]
	out := make([]stats.Estimate, size)
	for i, w := range weights {
		row := counts[i*size : (i+1)*size]
		for k, bin := range stats.Bins(particle.Distances(s.X.At(i), s.X.D), edges) {
			if bin >= 0 {
				row[bin] += p.count(pairs[k][0], pairs[k][1])
			}
		}
		for k, c := range row {
			out[k].Value += w * c
		}
	}
	for k := range out {
		for i, w := range weights {
			deviation := w * (counts[i*size+k] - out[k].Value)
			out[k].Error += deviation * deviation
		}
		shell := float64(p.size) * (ballVolume(s.X.D, edges[k+1]) - ballVolume(s.X.D, edges[k]))
		out[k].Value, out[k].Error = out[k].Value/shell, math.Sqrt(out[k].Error)/shell
	}
	return out
}

// ballVolume returns the volume of a ball of radius r in d dimensions.
func ballVolume(d int, r float64) float64 {
	half := float64(d) / 2
	return math.Pow(math.Pi, half) / math.Gamma(half+1) * math.Pow(r, float64(d))
}
