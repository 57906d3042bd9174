// Package prior has the distribution that flows start from: MeanFree, with its draws, its
// log-density in graphs (LogProb) and in plain Go (LogDensity), and its entropy.
package prior

import (
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// MeanFree is the standard normal distribution on the mean-free subspace of n particles in d
// dimensions. It is invariant under rotation, reflection and relabelling. With the orthonormal
// measure of the subspace's (n−1)·d degrees of freedom,
//
//	log p(z) = −|z|²/2 − (n−1)·d/2·ln 2π
//
// Source: arXiv:1910.00753.
type MeanFree struct{ N, D int }

// DegreesOfFreedom is (n−1)·d.
func (p MeanFree) DegreesOfFreedom() int { return (p.N - 1) * p.D }

// normaliser is the log-density at the origin, in nats.
func (p MeanFree) normaliser() float64 {
	return -0.5 * float64(p.DegreesOfFreedom()) * math.Log(2*math.Pi)
}

// Entropy is the differential entropy in nats.
func (p MeanFree) Entropy() float64 {
	return 0.5 * float64(p.DegreesOfFreedom()) * (1 + math.Log(2*math.Pi))
}

// LogProb returns the log-density [batch] of mean-free z [batch, n, d], in nats.
func (p MeanFree) LogProb(z *Node) *Node {
	return AddScalar(MulScalar(ReduceSum(Mul(z, z), 1, 2), -0.5), p.normaliser())
}

// LogDensity returns the log-density of one mean-free configuration z [n*d], in nats and in plain
// Go.
func (p MeanFree) LogDensity(z []float64) float64 {
	square := 0.0
	for _, v := range z {
		square += v * v
	}
	return p.normaliser() - square/2
}

// Sample draws size mean-free configurations. The same state of rng gives the same draws on every
// machine.
func (p MeanFree) Sample(rng *rand.Rand, size int) particle.Batch {
	b := particle.NewBatch(size, p.N, p.D)
	for i := range b.X {
		b.X[i] = rng.NormFloat64()
	}
	return b.RemoveMean()
}
