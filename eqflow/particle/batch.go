package particle

import (
	"fmt"
	"math"
	"slices"
)

// Batch holds configurations of N particles in D dimensions in host memory, as one flat slice.
//
// X is row-major [Len, N, D], in the length unit of the target. Samplers, files, figures and
// generators exchange configurations in this form. Graphs receive the same values as a tensor
// [batch, n, d].
type Batch struct {
	X    []float64
	N, D int
}

// NewBatch returns size configurations of n particles in d dimensions, all at the origin.
func NewBatch(size, n, d int) Batch {
	return Batch{X: make([]float64, size*n*d), N: n, D: d}
}

// Len returns the number of configurations.
func (b Batch) Len() int {
	if b.N*b.D == 0 {
		return 0
	}
	return len(b.X) / (b.N * b.D)
}

// At returns configuration i as a view [N*D], not a copy.
func (b Batch) At(i int) []float64 {
	w := b.N * b.D
	return b.X[i*w : (i+1)*w : (i+1)*w]
}

// Slice returns configurations from (inclusive) to (exclusive) as a view.
func (b Batch) Slice(from, to int) Batch {
	w := b.N * b.D
	return Batch{X: b.X[from*w : to*w : to*w], N: b.N, D: b.D}
}

// Select returns a copy of the configurations at the given indices, in that order.
func (b Batch) Select(indices []int) Batch {
	out := NewBatch(len(indices), b.N, b.D)
	for k, i := range indices {
		copy(out.At(k), b.At(i))
	}
	return out
}

// Clone returns a copy of the batch.
func (b Batch) Clone() Batch {
	return Batch{X: slices.Clone(b.X), N: b.N, D: b.D}
}

// Validate returns an error for the first fault: a length that is not a whole number of
// configurations, or a coordinate that is not finite.
func (b Batch) Validate() error {
	w := b.N * b.D
	if b.N < 1 || b.D < 1 || len(b.X)%w != 0 {
		return fmt.Errorf("particle: %d numbers are not configurations of %d particles in %d dimensions",
			len(b.X), b.N, b.D)
	}
	for k, v := range b.X {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("particle: configuration %d holds %g (particle %d, coordinate %d); "+
				"remove the configuration and try again", k/w, v, k%w/b.D, k%b.D)
		}
	}
	return nil
}

// RemoveMean moves the centre of mass of every configuration to the origin, in place, and returns
// b.
func (b Batch) RemoveMean() Batch {
	for i := range b.Len() {
		RemoveMean(b.At(i), b.D)
	}
	return b
}

// RemoveMean moves the centre of mass of one configuration x [n*d] to the origin, in place.
func RemoveMean(x []float64, d int) {
	n := len(x) / d
	for k := range d {
		mean := 0.0
		for i := range n {
			mean += x[i*d+k]
		}
		mean /= float64(n)
		for i := range n {
			x[i*d+k] -= mean
		}
	}
}
