package particle

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// maxEnumerated is the largest number of particles for which all permutations are tried: 6! = 720.
const maxEnumerated = 6

// alignStarts is the number of starting rotations for larger clusters.
const alignStarts = 24

// Alignment describes how a configuration y is superposed on x. Both are centred first. Then
// particle Perm[i] of y, rotated by Rotation, is compared with particle i of x.
type Alignment struct {
	SquaredDistance float64 // Σ_i |x_i − R y_perm(i)|², length squared
	Perm            []int
	Rotation        []float64 // [d*d], row-major
}

// Align returns the rotation that superposes y [n*d] best on x [n*d] with the particles in their
// order (Kabsch's method). With reflections, mirror images count as copies too.
func Align(x, y []float64, d int, reflections bool) Alignment {
	x, y = centred(x, d), centred(y, d)
	return kabsch(x, y, d, identity(len(x)/d), reflections)
}

// AlignRelabelled returns the rotation and the permutation that superpose y [n*d] best on x [n*d].
// The permutation is one that r allows.
//
// For up to six particles every permutation is tried. For more particles, assignment and rotation
// alternate from a fixed set of starting rotations. The result is then a good superposition, but
// not proven to be the best.
func AlignRelabelled(x, y []float64, d int, r Relabelling, reflections bool) Alignment {
	x, y = centred(x, d), centred(y, d)
	n := len(x) / d
	best := Alignment{SquaredDistance: math.Inf(1)}
	improve := func(a Alignment) {
		if a.SquaredDistance < best.SquaredDistance {
			best = a
			best.Perm = slices.Clone(a.Perm)
		}
	}
	if n <= maxEnumerated {
		permutations(n, func(perm []int) {
			if r.Allows(perm) {
				improve(kabsch(x, y, d, perm, reflections))
			}
		})
		return best
	}
	rng := rand.New(rand.NewPCG(uint64(n), uint64(d)))
	for range alignStarts {
		improve(alternate(x, y, d, RandomRotation(rng, d, reflections), r.relabeller(n), reflections))
	}
	return best
}

// alternate assigns the particles under the current rotation, then rotates under the new
// assignment, until the distance no longer falls. If the first step does not improve on the
// starting rotation, Perm is nil.
func alternate(x, y []float64, d int, rotation []float64, relabeller *relabeller, reflections bool) Alignment {
	best := Alignment{SquaredDistance: math.Inf(1), Rotation: rotation}
	cost := make([]float64, len(x)/d*len(x)/d)
	for {
		rotated := slices.Clone(y)
		Rotate(rotated, best.Rotation, d)
		squaredDistances(cost, x, rotated, d)
		next := kabsch(x, y, d, relabeller.cheapest(cost), reflections)
		if next.SquaredDistance >= best.SquaredDistance-1e-12 {
			return best
		}
		best = next
		best.Perm = slices.Clone(next.Perm)
	}
}

// kabsch returns the best rotation of mean-free y on mean-free x for one permutation. The singular
// value decomposition Σ x_i y_perm(i)ᵀ = U S Vᵀ gives R = U Vᵀ. Where only proper rotations are
// allowed and R is improper, the direction of the smallest singular value is reversed.
func kabsch(x, y []float64, d int, perm []int, reflections bool) Alignment {
	covariance := make([]float64, d*d)
	covarianceInto(covariance, x, y, d, perm)
	var svd mat.SVD
	var u, v, rotation mat.Dense
	svd.Factorize(mat.NewDense(d, d, covariance), mat.SVDFull)
	svd.UTo(&u)
	svd.VTo(&v)
	s := svd.Values(nil)
	if !reflections && mat.Det(&u)*mat.Det(&v) < 0 {
		s[d-1] = -s[d-1]
		for row := range d {
			u.Set(row, d-1, -u.At(row, d-1))
		}
	}
	rotation.Mul(&u, v.T())
	return Alignment{
		SquaredDistance: max(0, dot(x, x)+dot(y, y)-2*sum(s)),
		Perm:            perm,
		Rotation:        slices.Clone(rotation.RawMatrix().Data),
	}
}

// covarianceInto adds Σ_i x_i y_perm(i)ᵀ to out [d*d].
func covarianceInto(out, x, y []float64, d int, perm []int) {
	for i, from := range perm {
		for row := range d {
			for col := range d {
				out[row*d+col] += x[i*d+row] * y[from*d+col]
			}
		}
	}
}

// centred returns a copy of x [n*d] whose centre of mass is the origin.
func centred(x []float64, d int) []float64 {
	out := slices.Clone(x)
	RemoveMean(out, d)
	return out
}

// squaredDistances writes the matrix [n*n] of |x_i − y_j|².
func squaredDistances(out, x, y []float64, d int) {
	n := len(x) / d
	for i := range n {
		for j := range n {
			sum := 0.0
			for k := range d {
				diff := x[i*d+k] - y[j*d+k]
				sum += diff * diff
			}
			out[i*n+j] = sum
		}
	}
}

// identity returns the permutation 0 … n−1.
func identity(n int) []int {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
	return perm
}

// permutations calls do with every permutation of 0 … n−1. The calls share one slice.
func permutations(n int, do func(perm []int)) {
	perm := identity(n)
	var visit func(k int)
	visit = func(k int) {
		if k == n {
			do(perm)
			return
		}
		for i := k; i < n; i++ {
			perm[k], perm[i] = perm[i], perm[k]
			visit(k + 1)
			perm[k], perm[i] = perm[i], perm[k]
		}
	}
	visit(0)
}
