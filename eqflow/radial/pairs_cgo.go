//go:build cgo && amd64

package radial

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_field
#cgo nocallback eqflow_field
#cgo noescape eqflow_pull_field
#cgo nocallback eqflow_pull_field
#include "pairs.h"
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// vectors reports that the processor runs pairs.c, which evaluates four configurations at a time.
// Go's compiler makes no vectors.
var vectors = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// inC returns the pieces in the form of pairs.h.
func (p *pieces) inC() C.eqflow_pieces {
	return C.eqflow_pieces{
		split: C.double(p.split), near: C.double(p.near), far: C.double(p.far),
		per_near: C.double(p.perNear), per_far: C.double(p.perFar),
		slope_near: C.double(p.slopeNear), slope: C.double(p.slope),
	}
}

func numbers(a []float64) *C.double { return (*C.double)(unsafe.SliceData(a)) }

func coefficients(row []polynomial) *C.eqflow_piece {
	return (*C.eqflow_piece)(unsafe.Pointer(unsafe.SliceData(row)))
}

// field sets the velocity v and the divergence div of states y, at the flow time of a table's row.
func (b *block) field(row int, y, v, div []float64) {
	if !vectors {
		b.fieldInGo(row, y, v, div)
		return
	}
	p := b.table.pieces.inC()
	beyond := C.eqflow_field(&p, coefficients(b.table.rows[row]), C.int(b.n), C.int(b.table.D), C.int(b.lanes),
		numbers(y), numbers(v), numbers(div))
	if beyond != 0 && b.table.far == 0 {
		b.table.incomplete.Store(true)
	}
}

// pullField is the adjoint of field at states y. From the cotangents gv and gdiv, it sets gState,
// the cotangent of y, and adds to the cotangents of the row.
func (p *blockPull) pullField(row int, y, gv, gdiv []float64) {
	if !vectors {
		p.pullFieldInGo(row, y, gv, gdiv)
		return
	}
	where := p.table.pieces.inC()
	C.eqflow_pull_field(&where, coefficients(p.table.rows[row]), coefficients(p.gRows[row]),
		C.int(p.n), C.int(p.table.D), C.int(p.lanes), numbers(y), numbers(gv), numbers(gdiv), numbers(p.gState))
}
