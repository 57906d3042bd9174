package measure

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Distances holds distances between a sample and a reference sample. Both contribute the same
// number of configurations. The distances fall as this number grows, and are comparable only for
// equal numbers.
//
// A floor is the distance between two halves of the reference, and so the distance of a perfect
// sampler. Floors are NaN if the reference is too small to be halved.
type Distances struct {
	Compared int `json:"compared"` // configurations of each side; 0 if nothing was compared
	// W2 is the geometric 2-Wasserstein distance, in length, up to rotation, reflection and
	// relabelling: (min over pairings of ⟨d(x, y)²⟩)^½ with d of particle.ShapeDistances. It is
	// eq_w2 in the code of ASBS (arXiv:2506.22565), whose tables call it W2.
	W2      float64 `json:"w2"`
	W2Floor float64 `json:"w2_floor"`
	// EnergyW2 is the 2-Wasserstein distance of the reduced energies, in kT: E(·) W2 in the tables
	// of ASBS. It is the mean over disjoint parts of the sample, and EnergyW2Spread is the standard
	// deviation of one part. The code of iDEM (arXiv:2402.06121) logs its square.
	EnergyW2           float64 `json:"energy_w2"`
	EnergyW2Spread     float64 `json:"energy_w2_spread"`
	EnergyW2Reweighted float64 `json:"energy_w2_reweighted"` // of the whole sample with its weights
	EnergyW2Floor      float64 `json:"energy_w2_floor"`
	// DistanceW2 is the 2-Wasserstein distance of the pooled pair distances, in length. Both codes
	// log its square.
	DistanceW2           float64 `json:"distance_w2"`
	DistanceW2Reweighted float64 `json:"distance_w2_reweighted"`
	DistanceW2Floor      float64 `json:"distance_w2_floor"`
	// TotalVariation is ½ Σ|p − q| over the histograms p and q of the pair distances. As in the
	// code of iDEM, 200 bins cover the range of the reference, and distances outside are ignored.
	TotalVariation           float64 `json:"total_variation"`
	TotalVariationReweighted float64 `json:"total_variation_reweighted"`
	TotalVariationFloor      float64 `json:"total_variation_floor"`
}

// Comparison holds the settings of Compare.
type Comparison struct {
	// Size is the number of configurations of each side; default 2000, as in ASBS. W2 needs Size²
	// alignments.
	Size int
	// Relabelling holds the permutations that W2 allows.
	Relabelling particle.Relabelling
	// Report, which may be nil, receives the progress of the alignments.
	Report func(done, total int)
}

// maxParts is the largest number of disjoint parts of a sample over which the energy-W2 is
// averaged.
const maxParts = 10

// Compare returns the distances between sample and reference, which are of one system. If ctx ends,
// the error wraps that of ctx.
func (c Comparison) Compare(ctx context.Context, sample, reference Sample) (Distances, error) {
	size := min(cmp.Or(c.Size, 2000), sample.X.Len(), reference.X.Len())
	if size < 1 || sample.X.N != reference.X.N || sample.X.D != reference.X.D {
		return Distances{}, fmt.Errorf("measure: "+
			"%d configurations of %d particles in %d dimensions cannot be compared with %d of %d in %d",
			sample.X.Len(), sample.X.N, sample.X.D, reference.X.Len(), reference.X.N, reference.X.D)
	}
	nan := math.NaN()
	out := Distances{Compared: size, W2Floor: nan, EnergyW2Floor: nan, DistanceW2Floor: nan, TotalVariationFloor: nan}
	compared, half := reference.thinned(size), reference.X.Len()/2
	rows := size
	if half >= size {
		compared = reference.slice(half, reference.X.Len()).thinned(size)
		rows = 2 * size
	}
	first := sample.slice(0, size)
	out.setOneDimensional(sample, first, compared)
	var err error
	if out.W2, err = c.w2(ctx, first.X, compared.X, 0, rows); err != nil || half < size {
		return out, err
	}
	perfect := reference.slice(0, half).thinned(size)
	out.EnergyW2Floor, out.DistanceW2Floor = energyW2(perfect, compared), distanceW2(perfect, compared)
	out.TotalVariationFloor = totalVariation(perfect, compared)
	out.W2Floor, err = c.w2(ctx, perfect.X, compared.X, size, rows)
	return out, err
}

// setOneDimensional sets the distances of energies and of pair distances: of the first part of the
// sample, and of the whole sample with its weights.
func (d *Distances) setOneDimensional(sample, first, reference Sample) {
	var energies []float64
	for from := 0; from+d.Compared <= sample.X.Len() && len(energies) < maxParts; from += d.Compared {
		energies = append(energies, energyW2(sample.slice(from, from+d.Compared), reference))
	}
	d.EnergyW2, d.EnergyW2Spread = stat.MeanStdDev(energies, nil) // NaN spread for one part
	d.DistanceW2, d.TotalVariation = distanceW2(first, reference), totalVariation(first, reference)
	d.EnergyW2Reweighted, d.DistanceW2Reweighted = energyW2(sample, reference), distanceW2(sample, reference)
	d.TotalVariationReweighted = totalVariation(sample, reference)
}

func energyW2(x, y Sample) float64 {
	return stats.Wasserstein(2, x.Energy, x.LogWeight, y.Energy, y.LogWeight)
}

func distanceW2(x, y Sample) float64 {
	a, logA := x.pairDistances()
	b, logB := y.pairDistances()
	return stats.Wasserstein(2, a, logA, b, logB)
}

// distanceBins is the number of bins of the histograms for the total variation.
const distanceBins = 200

func totalVariation(x, reference Sample) float64 {
	distances, _ := reference.pairDistances()
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range distances {
		lo, hi = min(lo, r), max(hi, r)
	}
	edges := stats.Linspace(lo, hi, distanceBins+1)
	p, q := x.histogram(edges), reference.histogram(edges)
	sum := 0.0
	for k := range p {
		sum += math.Abs(p[k]-q[k]) / 2
	}
	return sum
}

// histogram returns the weighted fraction of the pair distances in each bin. Distances outside the
// edges are ignored.
func (s Sample) histogram(edges []float64) []float64 {
	distances, _ := s.pairDistances()
	weights, pairs := s.weights(), s.X.N*(s.X.N-1)/2
	fractions, total := make([]float64, len(edges)-1), 0.0
	for k, bin := range stats.Bins(distances, edges) {
		if bin >= 0 {
			fractions[bin] += weights[k/pairs]
			total += weights[k/pairs]
		}
	}
	for k := range fractions {
		fractions[k] /= total
	}
	return fractions
}

// w2 returns the geometric W2. It reports its progress as rows of a total, of which done rows
// precede it.
func (c Comparison) w2(ctx context.Context, x, y particle.Batch, done, rows int) (float64, error) {
	report := c.Report
	if report != nil {
		report = func(now, _ int) { c.Report(done+now, rows) }
	}
	cost, err := particle.ShapeDistances(ctx, x, y, c.Relabelling, report)
	if err != nil {
		return math.NaN(), err
	}
	for k, d := range cost {
		cost[k] = d * d
	}
	size, sum := x.Len(), 0.0
	for i, j := range particle.Assign(cost, size) {
		sum += cost[i*size+j]
	}
	return math.Sqrt(sum / float64(size)), nil
}
