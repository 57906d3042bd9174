package eqflow

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Divergence says how a continuous flow finds the divergence of its field when it samples and scores. The zero value is the
// exact one.
//
// With K probes it is Hutchinson's estimate, the mean of p·(∂v/∂x)p over random vectors p, which are fixed along each path
// (Grathwohl et al., arXiv:1810.01367). Those of a configuration are orthogonal, so that all F = (n−1)·d would give the exact
// divergence, and K of them leave (1/K − 1/F) of the variance of one product. Every log q has no bias then, but a standard error
// σ, which the spread of two probes and more tells. Weights exp(−u − log q) do have a bias: ⟨exp(noise)⟩ > 1, so that log Z rises
// by about σ²/2, and the ESS falls to about exp(−σ²) of what it was. Neither is corrected.
type Divergence struct {
	Probes int    // 0: exact; fewer than (n−1)·d
	Seed   uint64 // of the probes
}

// SetDivergence says how the divergence is found from now on, by all that samples and scores. Training takes the exact one. It is
// an error to estimate what costs next to nothing: the fields that take probes are dynamics.EGNN, dynamics.MLP, and those of
// one's own with dynamics.Probed.
func (m *Model) SetDivergence(d Divergence) error {
	if d.Probes < 0 {
		return fmt.Errorf("eqflow: %d probes for the divergence; give 0 for the exact one, or at least 1", d.Probes)
	}
	if d.Probes == 0 {
		m.estimate = Divergence{}
		return nil
	}
	if exact := m.Prior.DegreesOfFreedom(); d.Probes >= exact {
		return fmt.Errorf("eqflow: %d probes are no fewer than the %d directions of the exact divergence of %s; take the exact one, or fewer probes",
			d.Probes, exact, m.Target.Name())
	}
	g := NewGraph(m.backend, "probes")
	defer g.Finalize()
	if _, ok := m.bind(model.NewStore().RootScope(), g, 0, scopeFlow).(flow.Probed); !ok {
		return fmt.Errorf("eqflow: the divergence of %s is exact at next to no cost, and not estimated; take the exact one", m.origin().Flow)
	}
	m.estimate = d
	return nil
}

// Divergence is how the model finds it.
func (m *Model) Divergence() Divergence { return m.estimate }

// The names of both ways.
const (
	Exact      = "exact"
	Hutchinson = "hutchinson"
)

// Method is how the divergence was found, as results tell it.
type Method struct {
	Divergence string `json:"divergence"` // Exact or Hutchinson
	Probes     int    `json:"probes,omitempty"`
	ProbeSeed  uint64 `json:"probe_seed,omitempty"`
}

// Method describes the choice.
func (d Divergence) Method() Method {
	if d.Probes == 0 {
		return Method{Divergence: Exact}
	}
	return Method{Hutchinson, d.Probes, d.Seed}
}

// NoiseOf sums up the standard errors of each log q, which are nil where they are not known, and what they do to the weights
// with these logarithms, nil for none. Under weights w ∝ exp(−u − log q) the noise of each adds σ²/2 to its log-weight's mean.
func NoiseOf(logQError, logWeight []float64) Noise {
	n := Noise{LogQError: math.NaN(), Inflation: math.NaN()}
	if len(logQError) == 0 {
		return n
	}
	square, calm := 0.0, slices.Clone(logWeight)
	for i, sigma := range logQError {
		square += sigma * sigma / float64(len(logQError))
		if calm != nil {
			calm[i] -= sigma * sigma / 2
		}
	}
	n.LogQError = math.Sqrt(square)
	if calm != nil {
		n.Inflation = stats.LogMeanExp(logWeight) - stats.LogMeanExp(calm)
	}
	return n
}

// Phrase names the way within a sentence.
func (m Method) Phrase() string {
	switch m.Probes {
	case 0:
		return "the exact divergence"
	case 1:
		return "Hutchinson's estimate of the divergence with 1 probe"
	}
	return fmt.Sprintf("Hutchinson's estimate of the divergence with %d probes", m.Probes)
}

// Density tells in a line how log-densities were found, and what noise they have.
func (m Method) Density(n Noise) string {
	text := "by " + m.Phrase()
	if m.Probes == 1 {
		text += ", which cannot tell its error and raises log Z"
	}
	if m.Probes > 1 && !math.IsNaN(n.LogQError) {
		text += fmt.Sprintf(": log q ± %.3f, root mean square", n.LogQError)
	}
	if m.Probes > 1 && !math.IsNaN(n.Inflation) {
		text += fmt.Sprintf(", which raises log Z by about %.3f", n.Inflation)
	}
	return text
}

// along makes the flow estimate its divergence from the probes, if there are any.
func along(f flow.Bijection, probes []*Node) flow.Bijection {
	if len(probes) == 0 {
		return f
	}
	return f.(flow.Probed).Along(probes[0])
}

// inputs are those of a compiled program for configurations of a block: they themselves, means removed, [size, n, d], and probes
// [size, probes, n, d] where the divergence is estimated.
func (m *Model) inputs(x particle.Batch, size int) []any {
	flat := m.blockNumbers(x, size)
	in := []any{tensors.FromFlatDataAndDimensions(flat, size, x.N, x.D)}
	if k := m.estimate.Probes; k > 0 {
		in = append(in, tensors.FromFlatDataAndDimensions(m.estimate.vectors(flat, x.N, x.D), size, k, x.N, x.D))
	}
	return in
}

// vectors draws the probes of configurations. A configuration's are drawn from the seed and its own coordinates, so that they
// are the same in every batch, at every number of solver steps, and in whatever shards work is done.
func (d Divergence) vectors(flat []float32, n, dim int) []float32 {
	width := n * dim
	out := make([]float32, 0, len(flat)*d.Probes)
	for i := range len(flat) / width {
		rng := rand.New(rand.NewPCG(d.Seed, hash(flat[i*width:(i+1)*width])))
		for _, p := range frame(rng, d.Probes, n, dim) {
			for _, v := range p {
				out = append(out, float32(v))
			}
		}
	}
	return out
}

// vectorsOf are the probes of each configuration, nil for the exact divergence.
func (d Divergence) vectorsOf(x particle.Batch) (out egnn.Vectors) {
	if d.Probes == 0 {
		return nil
	}
	width := x.N * x.D
	all := d.vectors(float32s(x.X), x.N, x.D)
	for i := range x.Len() {
		out = append(out, all[i*d.Probes*width:(i+1)*d.Probes*width])
	}
	return out
}

// sum makes divergences of the products with vectors, the exact ones or probes, and the standard errors that two probes and more tell.
func (d Divergence) sum(products [][]float64, free int) (div, errors []float64) {
	for _, p := range products {
		if d.Probes == 0 {
			div = append(div, floats.Sum(p))
			continue
		}
		mean, variance := stat.MeanVariance(p, nil)
		div = append(div, mean)
		if d.Probes > 1 { // a frame's other directions leave open what its own do not tell
			errors = append(errors, math.Sqrt(variance*max(0, 1/float64(d.Probes)-1/float64(free))))
		}
	}
	return div, errors
}

// frame draws orthogonal vectors [n·d] in random directions of the mean-free subspace, each as long as the root of its dimension:
// normal draws, each less its part along those before (twice, for rounding's sake).
func frame(rng *rand.Rand, count, n, dim int) [][]float64 {
	free := float64((n - 1) * dim)
	vectors := make([][]float64, count)
	for k := range vectors {
		p := make([]float64, n*dim)
		for j := range p {
			p[j] = rng.NormFloat64()
		}
		particle.RemoveMean(p, dim)
		for _, q := range slices.Concat(vectors[:k], vectors[:k]) {
			floats.AddScaled(p, -floats.Dot(p, q)/free, q)
		}
		floats.Scale(math.Sqrt(free)/floats.Norm(p, 2), p)
		vectors[k] = p
	}
	return vectors
}

// hash is FNV-1a of a configuration's coordinates.
func hash(x []float32) uint64 {
	h := fnv.New64a()
	var word [4]byte
	for _, v := range x {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
		h.Write(word[:])
	}
	return h.Sum64()
}
