package particle

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// enumerated is the largest number of particles whose relabellings are all tried: 720.
const enumerated = 6

// alignStarts is the number of rotations from which larger clusters are aligned.
const alignStarts = 24

// Alignment says how a configuration y is laid onto x: particle Perm[i] of y, turned by Rotation, meets particle i
// of x, both about their centres of mass.
type Alignment struct {
	SquaredDistance float64 // Σ_i |x_i − R y_perm(i)|², length squared
	Perm            []int
	Rotation        []float64 // [d*d], row-major
}

// Align returns the rotation that lays y [n*d] best onto x [n*d], particle by particle (Kabsch's method). With
// reflections, mirror images count as copies too.
func Align(x, y []float64, d int, reflections bool) Alignment {
	x, y = centred(x, d), centred(y, d)
	perm := make([]int, len(x)/d)
	for i := range perm {
		perm[i] = i
	}
	return kabsch(x, y, d, perm, reflections)
}

// AlignRelabelled returns the rotation and, of the relabellings r, the one that lay y [n*d] best onto x [n*d].
//
// Up to six particles every relabelling is tried. Beyond, assignment and rotation alternate from a fixed set of
// starting rotations, which finds a near-best copy but does not prove it the best.
func AlignRelabelled(x, y []float64, d int, r Relabelling, reflections bool) Alignment {
	x, y = centred(x, d), centred(y, d)
	n := len(x) / d
	best := Alignment{SquaredDistance: math.Inf(1)}
	keep := func(a Alignment) {
		if a.SquaredDistance < best.SquaredDistance {
			best = a
			best.Perm = append([]int(nil), a.Perm...)
		}
	}
	if n <= enumerated {
		permutations(n, func(perm []int) {
			if r.Allows(perm) {
				keep(kabsch(x, y, d, perm, reflections))
			}
		})
		return best
	}
	rng := rand.New(rand.NewPCG(uint64(n), uint64(d)))
	for range alignStarts {
		keep(alternate(x, y, d, RandomRotation(rng, d, reflections), r.chooser(n), reflections))
	}
	return best
}

// alternate assigns particles under the current rotation and rotates under that assignment, until nothing improves.
func alternate(x, y []float64, d int, rotation []float64, among *chooser, reflections bool) Alignment {
	best := Alignment{SquaredDistance: math.Inf(1), Rotation: rotation}
	for {
		turned := append([]float64(nil), y...)
		Rotate(turned, best.Rotation, d)
		next := kabsch(x, y, d, among.best(squaredDistances(x, turned, d)), reflections)
		if next.SquaredDistance >= best.SquaredDistance-1e-12 {
			return best
		}
		best = next
		best.Perm = slices.Clone(next.Perm)
	}
}

// kabsch finds the best rotation for one labelling of mean-free x and y from the SVD of Σ x_i y_perm(i)ᵀ = U S Vᵀ:
// R = U Vᵀ, with the smallest singular direction turned about where only proper rotations are allowed.
func kabsch(x, y []float64, d int, perm []int, reflections bool) Alignment {
	covariance := mat.NewDense(d, d, nil)
	squares := dot(x, x) + dot(y, y)
	for i, from := range perm {
		for row := range d {
			for col := range d {
				covariance.Set(row, col, covariance.At(row, col)+x[i*d+row]*y[from*d+col])
			}
		}
	}
	var svd mat.SVD
	var u, v, rotation mat.Dense
	svd.Factorize(covariance, mat.SVDFull)
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
	overlap := 0.0
	for _, value := range s {
		overlap += value
	}
	return Alignment{
		SquaredDistance: max(0, squares-2*overlap),
		Perm:            perm,
		Rotation:        append([]float64(nil), rotation.RawMatrix().Data...),
	}
}

func centred(x []float64, d int) []float64 {
	out := append([]float64(nil), x...)
	RemoveMean(out, d)
	return out
}

// squaredDistances is the matrix [n*n] of |x_i − y_j|².
func squaredDistances(x, y []float64, d int) []float64 {
	n := len(x) / d
	out := make([]float64, n*n)
	squaredDistancesInto(out, x, y, d)
	return out
}

func squaredDistancesInto(out, x, y []float64, d int) {
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

// permutations calls do with every permutation of 0 … n−1, in one slice that it changes between the calls.
func permutations(n int, do func(perm []int)) {
	perm := make([]int, n)
	for i := range perm {
		perm[i] = i
	}
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
