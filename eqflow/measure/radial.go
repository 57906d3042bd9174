package measure

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Radial is a radial distribution function: how densely other particles lie at a distance r from a particle,
//
//	g(r) = ⟨Σ_{i≠j} δ(r − d_ij)⟩ / (n S_d r^{d−1}),  S_2 = 2π, S_3 = 4π,
//
// in 1/length^d (Allen and Tildesley, Computer Simulation of Liquids, section 2.6, without the division by the bulk density,
// which a cluster does not have). Of two types A and B, i runs over A, j over B, and n counts A.
type Radial struct {
	Of        string           `json:"of"`        // "all", or the two types, such as "0-1"
	R         []float64        `json:"r"`         // middles of the bins, in length
	G         []stats.Estimate `json:"g"`         // of the sample, with its weights
	Reference []stats.Estimate `json:"reference"` // of the reference
}

// radialBins is how many bins there are between 0 and the largest distance.
const radialBins = 100

// RadialDistributions returns g(r) of sample and reference for every pair of types in r, which is one for like particles.
// Errors take configurations for independent.
func RadialDistributions(sample, reference Sample, r particle.Relabelling) []Radial {
	distances, _ := reference.pairDistances()
	edges := stats.Linspace(0, slices.Max(distances), radialBins+1)
	var out []Radial
	for _, p := range typePairs(r, sample.X.N) {
		middles := make([]float64, radialBins)
		for k := range middles {
			middles[k] = (edges[k] + edges[k+1]) / 2
		}
		out = append(out, Radial{Of: p.name, R: middles, G: p.density(sample, edges), Reference: p.density(reference, edges)})
	}
	return out
}

// typePair is the ordered pairs of particles that one g(r) counts.
type typePair struct {
	name   string
	counts func(i, j int) float64 // how often i<j counts: as (i, j), as (j, i), or both
	from   int                    // particles of the first type
}

func typePairs(r particle.Relabelling, n int) []typePair {
	types := slices.Compact(slices.Sorted(slices.Values(r.Types)))
	if len(types) < 2 {
		return []typePair{{"all", func(_, _ int) float64 { return 2 }, n}}
	}
	var out []typePair
	for k, a := range types {
		for _, b := range types[k:] {
			size := 0
			for _, t := range r.Types {
				if t == a {
					size++
				}
			}
			out = append(out, typePair{fmt.Sprintf("%d-%d", a, b), func(i, j int) float64 {
				s, t := r.Types[i], r.Types[j]
				switch {
				case s == a && t == b && a == b:
					return 2
				case s == a && t == b, s == b && t == a:
					return 1
				}
				return 0
			}, size})
		}
	}
	return out
}

// density is g in every bin. The error of a weighted mean of counts is that of the delta method, Σ w²(c − ⟨c⟩)².
func (p typePair) density(s Sample, edges []float64) []stats.Estimate {
	weights, pairs := s.weights(), particle.Pairs(s.X.N)
	size := len(edges) - 1
	counts := make([]float64, s.X.Len()*size) // of each configuration
	out := make([]stats.Estimate, size)
	for i, w := range weights {
		own := counts[i*size : (i+1)*size]
		for k, bin := range stats.Bins(particle.Distances(s.X.At(i), s.X.D), edges) {
			if bin >= 0 {
				own[bin] += p.counts(pairs[k][0], pairs[k][1])
			}
		}
		for k, c := range own {
			out[k].Value += w * c
		}
	}
	for k := range out {
		for i, w := range weights {
			miss := w * (counts[i*size+k] - out[k].Value)
			out[k].Error += miss * miss
		}
		shell := float64(p.from) * (ball(s.X.D, edges[k+1]) - ball(s.X.D, edges[k]))
		out[k].Value, out[k].Error = out[k].Value/shell, math.Sqrt(out[k].Error)/shell
	}
	return out
}

// ball is the volume of a ball in d dimensions.
func ball(d int, r float64) float64 {
	half := float64(d) / 2
	return math.Pow(math.Pi, half) / math.Gamma(half+1) * math.Pow(r, float64(d))
}
