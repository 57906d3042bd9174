package particle

import "math"

// MeanFreeBasis returns an orthonormal basis of the mean-free subspace, [n·d][(n−1)·d]. Column (k,
// c) is Helmert's contrast: coordinate c of the first k+1 particles moves one way and coordinate c
// of particle k+1 the other way.
func MeanFreeBasis(n, d int) [][]float64 {
	basis := make([][]float64, n*d)
	for row := range basis {
		basis[row] = make([]float64, (n-1)*d)
	}
	for k := range n - 1 {
		length := math.Sqrt(float64((k + 1) * (k + 2)))
		for c := range d {
			for i := range k + 1 {
				basis[i*d+c][k*d+c] = 1 / length
			}
			basis[(k+1)*d+c][k*d+c] = -float64(k+1) / length
		}
	}
	return basis
}
