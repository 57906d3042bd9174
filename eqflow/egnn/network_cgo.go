//go:build cgo && amd64

package egnn

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_egnn_match_avx2
#cgo nocallback eqflow_egnn_match_avx2
#cgo noescape eqflow_egnn_match_avx512
#cgo nocallback eqflow_egnn_match_avx512
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

// match adds to the gradient and returns the sum of the squares.
func (f Field) match(count int, turned, x, t, want []float32, share float32, gradient []float32) float64 {
	c := C.eqflow_egnn{n: C.int(f.N), dim: C.int(f.D), layers: C.int(f.Layers), hidden: C.int(f.Hidden), times: C.int(1 + f.Harmonics), middle: C.float(f.Middle)}
	if wide {
		space := spareNumbers.take(int(C.eqflow_egnn_space_avx512(&c)))
		defer spareNumbers.leave(space)
		return float64(C.eqflow_egnn_match_avx512(&c, numbers(f.Parameters), numbers(turned), C.int(count), numbers(x), numbers(t), numbers(want),
			C.float(share), numbers(space), numbers(gradient)))
	}
	space := spareNumbers.take(int(C.eqflow_egnn_space_avx2(&c)))
	defer spareNumbers.leave(space)
	return float64(C.eqflow_egnn_match_avx2(&c, numbers(f.Parameters), numbers(turned), C.int(count), numbers(x), numbers(t), numbers(want),
		C.float(share), numbers(space), numbers(gradient)))
}
