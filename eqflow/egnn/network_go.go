//go:build !cgo || !amd64

package egnn

// Without cgo, or on another architecture, the graphs do it.
const atHand = false

const notForC = "egnn: New has said that this is not for C"

func (f Field) match(turned, x, t, want []float32, share float32, gradient []float32) float64 {
	panic(notForC)
}

func (f Field) push(turned, x, t, cotangents, gradient []float32) { panic(notForC) }
func (f Field) rate(turned, x, t, vectors, v, products []float32) { panic(notForC) }
func (f Field) pull(turned, x, t, cotangents, pulled []float32)   { panic(notForC) }
func (f Field) kick(turned, x, t, basis, div, kick []float32)     { panic(notForC) }
