//go:build cgo && amd64

package egnn

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_egnn_space
#cgo nocallback eqflow_egnn_space
#cgo noescape eqflow_egnn_match
#cgo nocallback eqflow_egnn_match
#cgo noescape eqflow_egnn_pull_parameters
#cgo nocallback eqflow_egnn_pull_parameters
#cgo noescape eqflow_egnn_pull
#cgo nocallback eqflow_egnn_pull
#cgo noescape eqflow_egnn_rate
#cgo nocallback eqflow_egnn_rate
#cgo noescape eqflow_egnn_divergence
#cgo nocallback eqflow_egnn_divergence
#include "network.h"
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// available reports that the processor has the vectors of network_avx2.c.
var available = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// functions are the functions in C for the widest vectors of the processor.
var functions = widestFunctions()

// narrowFunctions are those for vectors of eight numbers.
var narrowFunctions = &C.eqflow_egnn_avx2

func widestFunctions() *C.eqflow_egnn_functions {
	if cpu.X86.HasAVX512F {
		return &C.eqflow_egnn_avx512
	}
	return narrowFunctions
}

func numbers(a []float32) *C.float { return (*C.float)(unsafe.SliceData(a)) }

// call holds a field and inputs in the form of C, with working space.
type call struct {
	f                            C.eqflow_egnn
	roles                        *C.int
	parameters, transposed, x, t *C.float
	count                        C.int
	memory                       []float32
	space                        *C.float
}

// begin prepares a call. end makes its working space available again.
func (f Field) begin(in inputs, secondOrder C.int) call {
	c := call{
		f: C.eqflow_egnn{
			n: C.int(f.N), dim: C.int(f.D), layers: C.int(f.Layers), hidden: C.int(f.Hidden),
			times: C.int(1 + f.Harmonics), middle: C.float(f.Middle),
			particle_roles: C.int(f.roles.particles), pair_roles: C.int(f.roles.pairs),
		},
		roles:      (*C.int)(unsafe.SliceData(f.roles.of)),
		parameters: numbers(f.Parameters), transposed: numbers(in.transposed),
		x: numbers(in.x), t: numbers(in.t), count: C.int(len(in.x) / (f.N * f.D)),
	}
	c.memory = spareNumbers.Get(int(C.eqflow_egnn_space(functions, &c.f, secondOrder)))
	c.space = numbers(c.memory)
	return c
}

func (c call) end() { spareNumbers.Put(c.memory) }

// match returns Σ |v(x, t) − want|² and adds share times its gradient to gradient.
func (f Field) match(in inputs, want []float32, share float32, gradient []float32) float64 {
	c := f.begin(in, 0)
	defer c.end()
	return float64(C.eqflow_egnn_match(functions, &c.f, c.roles, c.parameters, c.transposed, c.count, c.x, c.t, c.space,
		numbers(want), C.float(share), numbers(gradient)))
}

// pullParameters adds the gradient of Σ cotangents·v to gradient.
func (f Field) pullParameters(in inputs, cotangents, gradient []float32) {
	c := f.begin(in, 0)
	defer c.end()
	C.eqflow_egnn_pull_parameters(functions, &c.f, c.roles, c.parameters, c.transposed, c.count, c.x, c.t, c.space,
		numbers(cotangents), numbers(gradient))
}

// pull sets pulled to (∂v/∂x)ᵀ cotangents, for at most eight configurations.
func (f Field) pull(in inputs, cotangents, pulled []float32) {
	c := f.begin(in, 0)
	defer c.end()
	C.eqflow_egnn_pull(functions, &c.f, c.roles, c.parameters, c.transposed, c.count, c.x, c.t, c.space,
		numbers(cotangents), numbers(pulled))
}

// rate sets v of at most eight configurations, and a product for each direction and lane.
func (f Field) rate(in inputs, vectors, v, products []float32) {
	c := f.begin(in, 0)
	defer c.end()
	C.eqflow_egnn_rate(functions, &c.f, c.roles, c.parameters, c.transposed, c.count, c.x, c.t, c.space,
		C.int(len(products)/lanes), numbers(vectors), numbers(v), numbers(products))
}

// divergence sets the divergence of at most eight configurations, and its gradient.
func (f Field) divergence(in inputs, basis, div, gradient []float32) {
	c := f.begin(in, 1)
	defer c.end()
	C.eqflow_egnn_divergence(functions, &c.f, c.roles, c.parameters, c.transposed, c.count, c.x, c.t, c.space,
		C.int(len(basis)/(f.N*f.D*lanes)), numbers(basis), numbers(div), numbers(gradient))
}
