package particle

import (
	"math"
	"math/rand/v2"
)

// RandomRotation draws a d×d orthogonal matrix, row-major [d*d], uniformly (Haar measure): from the rotations, or
// with reflections from all of O(d), half of them mirrored.
//
// It orthonormalises a matrix of normal draws, whose directions are uniform.
func RandomRotation(rng *rand.Rand, d int, reflections bool) []float64 {
	r := make([]float64, d*d)
	for k := range r {
		r[k] = rng.NormFloat64()
	}
	orthonormalise(r, d)
	if !reflections && determinant(r, d) < 0 {
		for col := range d {
			r[col] = -r[col]
		}
	}
	return r
}

// orthonormalise makes the rows of r orthonormal by Gram and Schmidt's method, in place.
func orthonormalise(r []float64, d int) {
	for i := range d {
		row := r[i*d : (i+1)*d]
		for j := range i {
			earlier := r[j*d : (j+1)*d]
			overlap := dot(row, earlier)
			for k := range row {
				row[k] -= overlap * earlier[k]
			}
		}
		norm := math.Sqrt(dot(row, row))
		for k := range row {
			row[k] /= norm
		}
	}
}

// determinant eliminates a copy of r [d*d] with row pivots.
func determinant(r []float64, d int) float64 {
	a, det := append([]float64(nil), r...), 1.0
	for i := range d {
		pivot := i
		for row := i + 1; row < d; row++ {
			if math.Abs(a[row*d+i]) > math.Abs(a[pivot*d+i]) {
				pivot = row
			}
		}
		if a[pivot*d+i] == 0 {
			return 0
		}
		if pivot != i {
			det = -det
			for k := range d {
				a[i*d+k], a[pivot*d+k] = a[pivot*d+k], a[i*d+k]
			}
		}
		det *= a[i*d+i]
		for row := i + 1; row < d; row++ {
			factor := a[row*d+i] / a[i*d+i]
			for k := i; k < d; k++ {
				a[row*d+k] -= factor * a[i*d+k]
			}
		}
	}
	return det
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for k := range a {
		sum += a[k] * b[k]
	}
	return sum
}
