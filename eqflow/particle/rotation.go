package particle

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"
)

// RandomRotation draws an orthogonal matrix [d*d], row-major, uniformly (Haar measure). Without
// reflections it is a proper rotation. With reflections it is an element of O(d), which is improper
// with probability ½.
//
// The method orthonormalises the rows of a matrix of normal random numbers, whose directions are
// uniform.
func RandomRotation(rng *rand.Rand, d int, reflections bool) []float64 {
	r := make([]float64, d*d)
	for k := range r {
		r[k] = rng.NormFloat64()
	}
	orthonormalise(r, d)
	if !reflections && mat.Det(mat.NewDense(d, d, r)) < 0 {
		for col := range d {
			r[col] = -r[col]
		}
	}
	return r
}

// orthonormalise makes the rows of r [d*d] orthonormal by the Gram–Schmidt method, in place.
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
