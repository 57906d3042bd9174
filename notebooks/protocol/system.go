package protocol

import (
	"fmt"
	"math"
	"strconv"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// bond is the distance below which a picture of DW4 joins two particles: those in the short well.
const bond = 4

// MinimaGallery draws minima with their energies.
func MinimaGallery(minima []target.Minimum) figure.Figure {
	batch := particle.Batch{N: 4, D: 2}
	var captions []string
	for _, m := range minima {
		batch.X = append(batch.X, m.X...)
		captions = append(captions, fmt.Sprintf("u = %.3f", m.Energy))
	}
	return figure.Particles(figure.Gallery{Title: "Minima of DW4", Captions: captions, Bond: bond}, batch)
}

// Basins counts the configurations of a batch in the basin of each minimum. It ignores those more
// than the given energy above the minimum, in kT.
func Basins(system target.Target, minima []target.Minimum, x particle.Batch, within float64) []int {
	counts := make([]int, len(minima))
	for _, b := range target.Basins(system, minima, x, within) {
		if b >= 0 {
			counts[b]++
		}
	}
	return counts
}

// PairDistances draws a trajectory's pair distances against its steps.
func PairDistances(chain particle.Batch, thin int) figure.Figure {
	pairs := particle.Pairs(chain.N)
	series := make([]figure.Series, len(pairs))
	for p := range pairs {
		series[p].Name = fmt.Sprintf("%d–%d", pairs[p][0]+1, pairs[p][1]+1)
		for i := range chain.Len() {
			series[p].X = append(series[p].X, float64((i+1)*thin))
			series[p].Y = append(series[p].Y, particle.Distances(chain.At(i), chain.D)[p])
		}
	}
	return figure.Lines(figure.Axes{
		Title: "Pair distances along a chain", X: "Metropolis step", Y: "distance",
		YMarks: []figure.Mark{{At: 4, Label: "d0"}},
	}, series...)
}

// EnergyAndVirial returns ⟨u⟩ and ⟨x·∇u⟩ of independent configurations.
func EnergyAndVirial(t target.Target, x particle.Batch) (u, virial stats.Estimate) {
	us, vs := make([]float64, x.Len()), make([]float64, x.Len())
	forces := make([]float64, x.N*x.D)
	for i := range us {
		us[i] = t.EnergyForces(x.At(i), forces)
		for k, c := range x.At(i) {
			vs[i] -= c * forces[k]
		}
	}
	boot := stats.Bootstrap{Seed: 1}
	return stats.Mean(us, nil, boot), stats.Mean(vs, nil, boot)
}

// PairShares returns the shares of the configurations with k = 0 … 5 long pairs. It reweights them
// by logW unless that is nil.
func (l *Lab) PairShares(x particle.Batch, logW []float64) []stats.Estimate {
	classes := make([]int, x.Len())
	for i := range classes {
		classes[i] = target.LongPairs(x.At(i), x.D, l.System.Cutoff())
	}
	// Six long pairs hardly occur, and their share is not known.
	return stats.Populations(classes, 7, logW, stats.Bootstrap{Seed: 1})[:6]
}

// KnownShares are the shares of DW4 with k = 0 … 5 long pairs, from long reference chains.
var KnownShares = []float64{.0006, .0397, .4064, .0348, .5176, .0009}

// knownShareError is the rounding error of the known shares.
const knownShareError = 5e-5

// WorstDeviation returns the largest deviation from the known shares, in standard errors.
func WorstDeviation(shares []stats.Estimate) float64 {
	worst := 0.0
	for k, s := range shares {
		worst = max(worst, math.Abs(s.Value-KnownShares[k])/math.Hypot(s.Error, knownShareError))
	}
	return worst
}

// FreeEnergies draws the shares by the number of long pairs beside the known shares, on a
// logarithmic scale: −ln share is the free energy.
func FreeEnergies(name string, shares []stats.Estimate) figure.Figure {
	here := figure.BarSeries{Name: name}
	known := figure.BarSeries{Name: "known"}
	labels := make([]string, len(KnownShares))
	for k, s := range shares {
		labels[k] = strconv.Itoa(k)
		here.Values = append(here.Values, s.Value)
		here.Err = append(here.Err, s.Error)
		known.Values = append(known.Values, KnownShares[k])
	}
	return figure.Bars(figure.Axes{
		Title: "Shares by number of long pairs (" + name + ")", X: "long pairs k", Y: "share", LogY: true,
	}, labels, here, known)
}
