//go:build cgo && amd64

package egnn

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_egnn_match_avx2
#cgo nocallback eqflow_egnn_match_avx2
#cgo noescape eqflow_egnn_match_avx512
#cgo nocallback eqflow_egnn_match_avx512
#cgo noescape eqflow_egnn_push_avx2
#cgo nocallback eqflow_egnn_push_avx2
#cgo noescape eqflow_egnn_push_avx512
#cgo nocallback eqflow_egnn_push_avx512
#cgo noescape eqflow_egnn_rate_avx2
#cgo nocallback eqflow_egnn_rate_avx2
#cgo noescape eqflow_egnn_rate_avx512
#cgo nocallback eqflow_egnn_rate_avx512
#cgo noescape eqflow_egnn_pull_avx2
#cgo nocallback eqflow_egnn_pull_avx2
#cgo noescape eqflow_egnn_pull_avx512
#cgo nocallback eqflow_egnn_pull_avx512
#cgo noescape eqflow_egnn_kick_avx2
#cgo nocallback eqflow_egnn_kick_avx2
#cgo noescape eqflow_egnn_kick_avx512
#cgo nocallback eqflow_egnn_kick_avx512
#include "network.h"
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// atHand tells that this machine has the vectors.
var atHand = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// wide tells that it has those of sixteen numbers.
var wide = cpu.X86.HasAVX512F

func numbers(a []float32) *C.float { return (*C.float)(unsafe.SliceData(a)) }

// call is what every function of network.h takes: where the field is wanted, and space to work in.
type call struct {
	f                        C.eqflow_egnn
	parameters, turned, x, t *C.float
	count                    C.int
	space                    []float32
}

// at prepares a call. done ends it.
func (f Field) at(turned, x, t []float32, curved bool) call {
	c := call{
		f: C.eqflow_egnn{
			n: C.int(f.N), dim: C.int(f.D), layers: C.int(f.Layers), hidden: C.int(f.Hidden), times: C.int(1 + f.Harmonics), middle: C.float(f.Middle),
		},
		parameters: numbers(f.Parameters), turned: numbers(turned), x: numbers(x), t: numbers(t), count: C.int(len(x) / (f.N * f.D)),
	}
	second := C.int(0)
	if curved {
		second = 1
	}
	if wide {
		c.space = spareNumbers.Get(int(C.eqflow_egnn_space_avx512(&c.f, second)))
	} else {
		c.space = spareNumbers.Get(int(C.eqflow_egnn_space_avx2(&c.f, second)))
	}
	return c
}

func (c call) done() { spareNumbers.Put(c.space) }

// match adds share times the gradient of Σ |v(x, t) − want|², which it returns.
func (f Field) match(turned, x, t, want []float32, share float32, gradient []float32) float64 {
	c := f.at(turned, x, t, false)
	defer c.done()
	if wide {
		return float64(C.eqflow_egnn_match_avx512(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(want), C.float(share), numbers(c.space), numbers(gradient)))
	}
	return float64(C.eqflow_egnn_match_avx2(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(want), C.float(share), numbers(c.space), numbers(gradient)))
}

// push adds the gradient of Σ cotangents·v.
func (f Field) push(turned, x, t, cotangents, gradient []float32) {
	c := f.at(turned, x, t, false)
	defer c.done()
	if wide {
		C.eqflow_egnn_push_avx512(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(cotangents), numbers(c.space), numbers(gradient))
	} else {
		C.eqflow_egnn_push_avx2(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(cotangents), numbers(c.space), numbers(gradient))
	}
}

// rate sets v of at most eight configurations, and a product for each direction and lane.
func (f Field) rate(turned, x, t, vectors, v, products []float32) {
	c := f.at(turned, x, t, false)
	defer c.done()
	directions := C.int(len(products) / lanes)
	if wide {
		C.eqflow_egnn_rate_avx512(&c.f, c.parameters, c.turned, c.count, c.x, c.t, directions, numbers(vectors), numbers(c.space), numbers(v), numbers(products))
	} else {
		C.eqflow_egnn_rate_avx2(&c.f, c.parameters, c.turned, c.count, c.x, c.t, directions, numbers(vectors), numbers(c.space), numbers(v), numbers(products))
	}
}

// pull sets (∂v/∂x)ᵀ cotangents of at most eight configurations.
func (f Field) pull(turned, x, t, cotangents, pulled []float32) {
	c := f.at(turned, x, t, false)
	defer c.done()
	if wide {
		C.eqflow_egnn_pull_avx512(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(cotangents), numbers(c.space), numbers(pulled))
	} else {
		C.eqflow_egnn_pull_avx2(&c.f, c.parameters, c.turned, c.count, c.x, c.t, numbers(cotangents), numbers(c.space), numbers(pulled))
	}
}

// kick sets the divergence of at most eight configurations, with its gradient.
func (f Field) kick(turned, x, t, basis, div, kick []float32) {
	c := f.at(turned, x, t, true)
	defer c.done()
	directions := C.int(len(basis) / (f.N * f.D * lanes))
	if wide {
		C.eqflow_egnn_kick_avx512(&c.f, c.parameters, c.turned, c.count, c.x, c.t, directions, numbers(basis), numbers(c.space), numbers(div), numbers(kick))
	} else {
		C.eqflow_egnn_kick_avx2(&c.f, c.parameters, c.turned, c.count, c.x, c.t, directions, numbers(basis), numbers(c.space), numbers(div), numbers(kick))
	}
}
