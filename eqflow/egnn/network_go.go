//go:build !cgo || !amd64

package egnn

// Without cgo, and on other architectures, New reports that C is not available, and the functions
// below are never called.
const available = false

const notAvailable = "egnn: the field is not for C, as New has reported; use the graphs"

func (f Field) match(in inputs, want []float32, share float32, gradient []float32) float64 {
	panic(notAvailable)
}

func (f Field) pullParameters(in inputs, cotangents, gradient []float32) { panic(notAvailable) }
func (f Field) pull(in inputs, cotangents, pulled []float32)             { panic(notAvailable) }
func (f Field) rate(in inputs, vectors, v, products []float32)           { panic(notAvailable) }
func (f Field) divergence(in inputs, basis, div, gradient []float32)     { panic(notAvailable) }
