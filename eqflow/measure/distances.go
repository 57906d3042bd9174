package measure

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Distances says how far a sample is from a reference sample. Of each, as many configurations are compared: the figures fall
// as they grow more, and mean something only beside others of the same number. A floor is what the reference has to itself,
// between two halves of it: the figure of a perfect sampler. Floors are NaN where the reference is too small to be halved.
type Distances struct {
	Compared int `json:"compared"` // configurations of each side; 0 if nothing was compared
	// W2 is the geometric 2-Wasserstein distance, in length, over rotation, reflection and relabelling:
	// (min over pairings of ⟨d(x, y)²⟩)^½ with d of particle.ShapeDistances. As eq_w2 in ASBS's code (arXiv:2506.22565), whose
	// tables call it W2.
	W2      float64 `json:"w2"`
	W2Floor float64 `json:"w2_floor"`
	// EnergyW2 is the 2-Wasserstein distance of the reduced energies, kT: E(·) W2 in ASBS's tables, the mean over disjoint parts
	// of the sample, and EnergyW2Spread the standard deviation of one. iDEM's code (arXiv:2402.06121) logs its square.
	EnergyW2           float64 `json:"energy_w2"`
	EnergyW2Spread     float64 `json:"energy_w2_spread"`
	EnergyW2Reweighted float64 `json:"energy_w2_reweighted"` // of the whole sample with its weights
	EnergyW2Floor      float64 `json:"energy_w2_floor"`
	// DistanceW2 is the 2-Wasserstein distance of the pooled pair distances, in length. Both codes log its square.
	DistanceW2           float64 `json:"distance_w2"`
	DistanceW2Reweighted float64 `json:"distance_w2_reweighted"`
	DistanceW2Floor      float64 `json:"distance_w2_floor"`
	// TotalVariation is ½ Σ|p − q| over the histograms of pair distances, as iDEM's code has it: 200 bins over the reference's
	// range, what lies outside left out.
	TotalVariation           float64 `json:"total_variation"`
	TotalVariationReweighted float64 `json:"total_variation_reweighted"`
	TotalVariationFloor      float64 `json:"total_variation_floor"`
}

// Comparison says how to compare.
type Comparison struct {
	// Size is how many configurations of each side are compared; default 2000, as in ASBS. W2 takes Size² alignments.
	Size int
	// Relabelling of W2.
	Relabelling particle.Relabelling
	// Report, which may be nil, hears how far the alignments are.
	Report func(done, total int)
}

// parts is over how many disjoint parts of a sample the energy-W2 is averaged at most.
const parts = 10

// Compare measures how far sample is from reference, both of one system. When ctx ends it returns ctx's error.
func (c Comparison) Compare(ctx context.Context, sample, reference Sample) (Distances, error) {
	if c.Size == 0 {
		c.Size = 2000
	}
	size := min(c.Size, sample.X.Len(), reference.X.Len())
	if size < 1 || sample.X.N != reference.X.N || sample.X.D != reference.X.D {
		return Distances{}, fmt.Errorf("measure: %d configurations of %d particles in %d dimensions cannot be compared with %d of %d in %d",
			sample.X.Len(), sample.X.N, sample.X.D, reference.X.Len(), reference.X.N, reference.X.D)
	}
	out := Distances{
		Compared: size, W2Floor: math.NaN(), EnergyW2Floor: math.NaN(), DistanceW2Floor: math.NaN(), TotalVariationFloor: math.NaN(),
	}
	rows := size
	against, half := reference.spread(size), reference.X.Len()/2
	if half >= size {
		against = reference.slice(half, reference.X.Len()).spread(size)
		rows = 2 * size
	}
	drawn := sample.slice(0, size)
	out.fill(sample, drawn, against)
	var err error
	if out.W2, err = c.geometric(ctx, drawn.X, against.X, 0, rows); err != nil || half < size {
		return out, err
	}
	perfect := reference.slice(0, half).spread(size)
	out.EnergyW2Floor, out.DistanceW2Floor = energyW2(perfect, against), distanceW2(perfect, against)
	out.TotalVariationFloor = totalVariation(perfect, against)
	out.W2Floor, err = c.geometric(ctx, perfect.X, against.X, size, rows)
	return out, err
}

// fill measures what costs little: of the drawn part, and of the whole sample with its weights.
func (d *Distances) fill(sample, drawn, against Sample) {
	var energies []float64
	for from := 0; from+d.Compared <= sample.X.Len() && len(energies) < parts; from += d.Compared {
		energies = append(energies, energyW2(sample.slice(from, from+d.Compared), against))
	}
	d.EnergyW2, d.EnergyW2Spread = meanAndDeviation(energies)
	d.DistanceW2, d.TotalVariation = distanceW2(drawn, against), totalVariation(drawn, against)
	d.EnergyW2Reweighted, d.DistanceW2Reweighted = energyW2(sample, against), distanceW2(sample, against)
	d.TotalVariationReweighted = totalVariation(sample, against)
}

func meanAndDeviation(v []float64) (mean, deviation float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		deviation += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(deviation / float64(len(v)-1)) // NaN for one
}

func energyW2(x, y Sample) float64 {
	return stats.Wasserstein(2, x.Energy, x.LogWeight, y.Energy, y.LogWeight)
}

func distanceW2(x, y Sample) float64 {
	a, logA := x.pairDistances()
	b, logB := y.pairDistances()
	return stats.Wasserstein(2, a, logA, b, logB)
}

// bins of the histograms whose total variation is taken.
const bins = 200

func totalVariation(x, reference Sample) float64 {
	b, _ := reference.pairDistances()
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, r := range b {
		lo, hi = min(lo, r), max(hi, r)
	}
	edges := stats.Linspace(lo, hi, bins+1)
	p, q := x.histogram(edges), reference.histogram(edges)
	sum := 0.0
	for k := range p {
		sum += math.Abs(p[k]-q[k]) / 2
	}
	return sum
}

// histogram is the weighted share of the pair distances within the edges that each bin has.
func (s Sample) histogram(edges []float64) []float64 {
	distances, _ := s.pairDistances()
	weights, each := s.weights(), s.X.N*(s.X.N-1)/2
	shares, total := make([]float64, len(edges)-1), 0.0
	for k, bin := range stats.Bins(distances, edges) {
		if bin >= 0 {
			shares[bin] += weights[k/each]
			total += weights[k/each]
		}
	}
	for k := range shares {
		shares[k] /= total
	}
	return shares
}

// geometric is W2; done rows of the alignments, of all, are behind it.
func (c Comparison) geometric(ctx context.Context, x, y particle.Batch, done, rows int) (float64, error) {
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
