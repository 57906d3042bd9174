package engine

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Divergence selects how a continuous flow computes the divergence of its field when it samples and
// scores. The zero value is the exact divergence.
//
// With K probes the divergence is Hutchinson's estimate, the mean of p·(∂v/∂x)p over random vectors
// p, which are fixed along each trajectory (Grathwohl et al., arXiv:1810.01367). The probes of one
// configuration are orthogonal: F = (n−1)·d of them give the exact divergence, and K < F give an
// unbiased estimate with variance (1/K − 1/F) times that of a single probe. Every log q is unbiased
// too. Two or more probes also estimate the standard error σ of log q from their spread. Weights
// exp(−u − log q) are biased, because ⟨exp(noise)⟩ > 1: log Z rises by about σ²/2, and the ESS
// falls by a factor of about exp(−σ²). Neither is corrected.
type Divergence struct {
	Probes int    // 0: exact; fewer than (n−1)·d
	Seed   uint64 // draws the probes
}

// The names of the two methods.
const (
	Exact      = "exact"
	Hutchinson = "hutchinson"
)

// Method describes in results how the divergence was computed.
type Method struct {
	Divergence string `json:"divergence"` // Exact or Hutchinson
	Probes     int    `json:"probes,omitempty"`
	ProbeSeed  uint64 `json:"probe_seed,omitempty"`
}

// Method returns the description of the choice.
func (d Divergence) Method() Method {
	if d.Probes == 0 {
		return Method{Divergence: Exact}
	}
	return Method{Hutchinson, d.Probes, d.Seed}
}

// Phrase names the method within a sentence.
func (m Method) Phrase() string {
	switch m.Probes {
	case 0:
		return "the exact divergence"
	case 1:
		return "Hutchinson's estimate of the divergence with 1 probe"
	}
	return fmt.Sprintf("Hutchinson's estimate of the divergence with %d probes", m.Probes)
}

// Probes are mean-free vectors [K][n·d] of every configuration. Their products with the Jacobian
// estimate the divergence.
type Probes [][]float32

// Vectors draws the probes of configurations whose means are removed. It returns nil for the exact
// divergence. The probes of a configuration depend only on the seed and on its coordinates, so that
// they are the same in every batch, for every number of solver steps, and in every shard of the
// work.
func (d Divergence) Vectors(x particle.Batch) (out Probes) {
	if d.Probes == 0 {
		return nil
	}
	for i := range x.Len() {
		out = append(out, d.vectors(float32s(x.At(i)), x.N, x.D))
	}
	return out
}

// vectors draws the probes of one configuration.
func (d Divergence) vectors(x []float32, n, dim int) (out []float32) {
	rng := rand.New(rand.NewPCG(d.Seed, hash(x)))
	for _, p := range orthogonalProbes(rng, d.Probes, n, dim) {
		out = append(out, float32s(p)...)
	}
	return out
}

// count returns the number of probes of a configuration with the given number of coordinates.
func (p Probes) count(coordinates int) int {
	if len(p) == 0 {
		return 0
	}
	return len(p[0]) / coordinates
}

// divergences returns the divergences that products u·(∂v/∂x)u give. The vectors u are an
// orthonormal basis if the divergence is exact (probes = 0), and otherwise K probes. Two or more
// probes also give standard errors.
func divergences(products [][]float64, probes, free int) (div, errors []float64) {
	for _, p := range products {
		if probes == 0 {
			div = append(div, floats.Sum(p))
			continue
		}
		mean, variance := stat.MeanVariance(p, nil)
		div = append(div, mean)
		if probes > 1 { // the directions without a probe leave an uncertainty
			errors = append(errors, math.Sqrt(variance*max(0, 1/float64(probes)-1/float64(free))))
		}
	}
	return div, errors
}

// orthogonalProbes draws orthogonal vectors [n·d] in random directions of the mean-free subspace.
// The length of each is the root of the subspace's dimension. It orthogonalises normal draws twice,
// because once leaves rounding errors.
func orthogonalProbes(rng *rand.Rand, count, n, dim int) [][]float64 {
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

// hash returns the FNV-1a hash of a configuration's coordinates.
func hash(x []float32) uint64 {
	h := fnv.New64a()
	var word [4]byte
	for _, v := range x {
		binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
		h.Write(word[:])
	}
	return h.Sum64()
}
