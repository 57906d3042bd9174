//go:build cgo && amd64

package egnn

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_egnn_match_avx2
#cgo nocallback eqflow_egnn_match_avx2
#cgo noescape eqflow_egnn_match_avx512
#cgo nocallback eqflow_egnn_match_avx512
#cgo noescape eqflow_egnn_rate_avx2
#cgo nocallback eqflow_egnn_rate_avx2
#cgo noescape eqflow_egnn_rate_avx512
#cgo nocallback eqflow_egnn_rate_avx512
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

func (f Field) inC() C.eqflow_egnn {
	return C.eqflow_egnn{
		n: C.int(f.N), dim: C.int(f.D), layers: C.int(f.Layers), hidden: C.int(f.Hidden), times: C.int(1 + f.Harmonics), middle: C.float(f.Middle),
	}
}

// space is what the functions below work in.
func space(c *C.eqflow_egnn) []float32 {
	if wide {
		return spareNumbers.take(int(C.eqflow_egnn_space_avx512(c)))
	}
	return spareNumbers.take(int(C.eqflow_egnn_space_avx2(c)))
}

// match adds share times the gradient of Σ |v(x, t) − want|² over count configurations, which it returns.
func (f Field) match(count int, turned, x, t, want []float32, share float32, gradient []float32) float64 {
	c := f.inC()
	s := space(&c)
	defer spareNumbers.leave(s)
	if wide {
		return float64(C.eqflow_egnn_match_avx512(&c, numbers(f.Parameters), numbers(turned), C.int(count), numbers(x), numbers(t), numbers(want),
			C.float(share), numbers(s), numbers(gradient)))
	}
	return float64(C.eqflow_egnn_match_avx2(&c, numbers(f.Parameters), numbers(turned), C.int(count), numbers(x), numbers(t), numbers(want),
		C.float(share), numbers(s), numbers(gradient)))
}

// rateInC sets v of at most eight configurations, and a product for each direction and lane.
func (f Field) rateInC(turned, x, t, vectors, v, products []float32) {
	c := f.inC()
	s := space(&c)
	defer spareNumbers.leave(s)
	count, directions := C.int(len(x)/(f.N*f.D)), C.int(len(products)/lanes)
	if wide {
		C.eqflow_egnn_rate_avx512(&c, numbers(f.Parameters), numbers(turned), count, numbers(x), numbers(t), directions, numbers(vectors), numbers(s), numbers(v), numbers(products))
	} else {
		C.eqflow_egnn_rate_avx2(&c, numbers(f.Parameters), numbers(turned), count, numbers(x), numbers(t), directions, numbers(vectors), numbers(s), numbers(v), numbers(products))
	}
}
