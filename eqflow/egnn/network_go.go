//go:build !cgo || !amd64

package egnn

// Without cgo, or on another architecture, the graphs do it.
const atHand = false

func (f Field) match(count int, turned, x, t, want []float32, share float32, gradient []float32) float64 {
	panic("egnn: New has said that this is not for C")
}

func (f Field) rateInC(turned, x, t, vectors, v, products []float32) {
	panic("egnn: New has said that this is not for C")
}
