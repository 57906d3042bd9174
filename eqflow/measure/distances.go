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
// A floor is the distance between two disjoint parts of the reference, and so the distance of a
// perfect sampler. Floors are NaN if the reference is too small for two parts. The parts are drawn
// at random, so that the order of the configurations in a file does not matter.
//
// Reweighted distances are NaN for a sample without log-weights. Log-weights of the reference are
// not used.
type Distances struct {
	Compared int `json:"compared"` // configurations of each side; 0 if nothing was compared
	// W2 is the geometric 2-Wasserstein distance, in length, up to rotation, reflection and
	// relabelling: (min over pairings of ⟨d(x, y)²⟩)^½ with d of particle.ShapeDistances, which
	// relabels first and rotates afterwards. It is therefore an upper bound of the least distance.
	// It is eq_w2 in the code of ASBS (arXiv:2506.22565), whose tables call it W2.
	W2      float64 `json:"w2"`
	W2Floor float64 `json:"w2_floor"`
	// W2Least is the same with the least d over all relabellings, of particle.LeastShapeDistances.
	// It is NaN unless Comparison.Least is set and the particles are few.
	W2Least      float64 `json:"w2_least"`
	W2LeastFloor float64 `json:"w2_least_floor"`
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
	// Least adds W2Least where the alignments of all relabellings are at most leastAlignments.
	Least bool
	// Seed selects the configurations that are compared. Sample and reference are shuffled alike.
	Seed uint64
	// Report, which may be nil, receives the progress of the alignments.
	Report func(done, total int)
}

// maxParts is the largest number of disjoint parts of a sample over which the energy-W2 is
// averaged.
const maxParts = 10

// leastAlignments is the largest number of alignments for W2Least: some seconds on one core, and
// 2000 configurations of four particles.
const leastAlignments = 1e8

// The random streams of Comparison.Seed that select configurations.
const (
	sampleStream uint64 = 1 + iota
	referenceStream
)

// Compare returns the distances between sample and reference, which are of one system. If ctx ends,
// the error wraps that of ctx.
func (c Comparison) Compare(ctx context.Context, sample, reference Sample) (Distances, error) {
	size := min(cmp.Or(c.Size, 2000), sample.X.Len(), reference.X.Len())
	if size < 1 || sample.X.N != reference.X.N || sample.X.D != reference.X.D {
		return Distances{}, fmt.Errorf("measure: "+
			"%d configurations of %d particles in %d dimensions cannot be compared with %d of %d in %d",
			sample.X.Len(), sample.X.N, sample.X.D, reference.X.Len(), reference.X.N, reference.X.D)
	}
	for _, s := range []Sample{sample, reference} {
		if err := s.validate(); err != nil {
			return Distances{}, err
		}
	}
	nan := math.NaN()
	out := Distances{
		Compared: size, W2Floor: nan, W2Least: nan, W2LeastFloor: nan, EnergyW2Floor: nan,
		DistanceW2Floor: nan, TotalVariationFloor: nan,
	}
	parts := sample.shuffled(size, maxParts, c.Seed, sampleStream)
	known := reference.shuffled(size, 2, c.Seed, referenceStream)
	compared := known[0]
	a := c.aligner(ctx, size, reference.X.N, len(known))
	out.setOneDimensional(sample, parts, compared)
	var err error
	if out.W2, out.W2Least, err = a.distances(parts[0].X, compared.X); err != nil || len(known) < 2 {
		return out, err
	}
	perfect := known[1]
	out.EnergyW2Floor, out.DistanceW2Floor = energyW2(perfect, compared), distanceW2(perfect, compared)
	out.TotalVariationFloor = totalVariation(perfect, compared)
	out.W2Floor, out.W2LeastFloor, err = a.distances(perfect.X, compared.X)
	return out, err
}

// setOneDimensional sets the distances of energies and of pair distances: of the parts of the
// sample, and of the whole sample with its weights.
func (d *Distances) setOneDimensional(sample Sample, parts []Sample, reference Sample) {
	energies := make([]float64, len(parts))
	for k, part := range parts {
		energies[k] = energyW2(part, reference)
	}
	d.EnergyW2, d.EnergyW2Spread = stat.MeanStdDev(energies, nil) // NaN spread for one part
	d.DistanceW2, d.TotalVariation = distanceW2(parts[0], reference), totalVariation(parts[0], reference)
	nan := math.NaN()
	d.EnergyW2Reweighted, d.DistanceW2Reweighted, d.TotalVariationReweighted = nan, nan, nan
	if sample.LogWeight != nil {
		d.EnergyW2Reweighted, d.DistanceW2Reweighted = energyW2(sample, reference), distanceW2(sample, reference)
		d.TotalVariationReweighted = totalVariation(sample, reference)
	}
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

// aligner computes geometric W2s and reports its progress.
type aligner struct {
	ctx         context.Context
	comparison  Comparison
	least       bool
	done, total int // rows of alignments
}

// aligner returns an aligner for the given number of comparisons of size configurations.
func (c Comparison) aligner(ctx context.Context, size, n, comparisons int) *aligner {
	perms := float64(len(c.Relabelling.Permutations(n)))
	a := &aligner{ctx: ctx, comparison: c, total: size * comparisons}
	if alignments := perms * float64(size) * float64(size); c.Least && alignments > 0 && alignments <= leastAlignments {
		a.least = true
		a.total *= 2
	}
	return a
}

// distances returns W2 and, where it is wanted, W2Least; else NaN.
func (a *aligner) distances(x, y particle.Batch) (w2, least float64, err error) {
	least = math.NaN()
	if w2, err = a.w2(particle.ShapeDistances, x, y); err == nil && a.least {
		least, err = a.w2(particle.LeastShapeDistances, x, y)
	}
	return w2, least, err
}

// w2 returns the geometric W2 for one definition of the distance.
func (a *aligner) w2(distances shapeDistances, x, y particle.Batch) (float64, error) {
	report := a.comparison.Report
	if report != nil {
		done := a.done
		report = func(now, _ int) { a.comparison.Report(done+now, a.total) }
	}
	a.done += x.Len()
	cost, err := distances(a.ctx, x, y, a.comparison.Relabelling, report)
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

// shapeDistances is the type of particle.ShapeDistances.
type shapeDistances func(
	ctx context.Context, x, y particle.Batch, r particle.Relabelling, report func(done, total int),
) ([]float64, error)
