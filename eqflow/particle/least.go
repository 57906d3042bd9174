package particle

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Permutations returns all permutations of n particles that r allows. It returns nil for more than
// six particles, which have too many.
func (r Relabelling) Permutations(n int) [][]int {
	if n > maxEnumerated {
		return nil
	}
	var allowed [][]int
	permutations(n, func(perm []int) {
		if r.Allows(perm) {
			allowed = append(allowed, slices.Clone(perm))
		}
	})
	return allowed
}

// LeastShapeDistances returns the matrix [len(x)*len(y)] of the least distances between
// configurations of up to six particles:
//
//	d(x, y)² = min over perm and R of Σ_i |x_i − R y_perm(i)|²
//
// with both means removed. Every permutation that r allows is tried, each with its best rotation or
// reflection, so that a distance is never above that of ShapeDistances. The time grows with the
// number of permutations. The arguments are those of ShapeDistances.
func LeastShapeDistances(
	ctx context.Context, x, y Batch, r Relabelling, report func(done, total int),
) ([]float64, error) {
	perms := r.Permutations(x.N)
	if perms == nil {
		return nil, fmt.Errorf("particle: least distances of %d particles would need all permutations; "+
			"use ShapeDistances for more than %d", x.N, maxEnumerated)
	}
	return pairDistances(ctx, x, y, report, func() func(x, y []float64) float64 {
		s := enumeration{n: x.N, d: x.D, perms: perms, products: make([]float64, x.N*x.N*x.D*x.D)}
		s.covariance = make([]float64, x.D*x.D)
		return s.squaredDistance
	})
}

// enumeration superposes pairs of mean-free configurations by trying all permutations.
type enumeration struct {
	n, d       int
	perms      [][]int
	products   []float64 // x_i y_jᵀ [n, n, d, d]
	covariance []float64 // [d, d]
}

func (s enumeration) squaredDistance(x, y []float64) float64 {
	at := 0
	for i := range s.n {
		for j := range s.n {
			for k := range s.d {
				for l := range s.d {
					s.products[at] = x[i*s.d+k] * y[j*s.d+l]
					at++
				}
			}
		}
	}
	return max(0, dot(x, x)+dot(y, y)-2*s.overlap())
}

// overlap returns the largest Σ_i x_i·R y_perm(i) over permutations and orthogonal R.
func (s enumeration) overlap() float64 {
	if s.d == 2 {
		return s.overlapInPlane()
	}
	size, largest := s.d*s.d, 0.0
	for _, perm := range s.perms {
		clear(s.covariance)
		for i, j := range perm {
			for k, v := range s.products[(i*s.n+j)*size : (i*s.n+j+1)*size] {
				s.covariance[k] += v
			}
		}
		largest = max(largest, nuclearNorm(s.covariance, s.d))
	}
	return largest
}

// overlapInPlane is overlap for two dimensions, several times as fast. It compares the squares of
// the nuclear norms, (s₁+s₂)² = |a|² + 2|det a|.
func (s enumeration) overlapInPlane() float64 {
	largest := 0.0
	for _, perm := range s.perms {
		var a, b, c, d float64
		row := s.products
		for _, j := range perm {
			p := row[4*j : 4*j+4 : 4*j+4]
			a, b, c, d = a+p[0], b+p[1], c+p[2], d+p[3]
			row = row[4*s.n:]
		}
		largest = max(largest, a*a+b*b+c*c+d*d+2*math.Abs(a*d-b*c))
	}
	return math.Sqrt(largest)
}
