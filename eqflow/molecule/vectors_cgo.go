//go:build cgo && amd64

package molecule

/*
#cgo CFLAGS: -std=c11 -O3
#cgo noescape eqflow_space
#cgo nocallback eqflow_space
#cgo noescape eqflow_evaluate
#cgo nocallback eqflow_evaluate
#include <stdlib.h>
#include "energy.h"
*/
import "C"

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// inC reports that the processor has the vectors of energy_double_avx2.c.
var inC = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// functions are the functions in C for the widest vectors of the processor, by precision.
var functions = widestFunctions()

func widestFunctions() [2]*C.eqflow_functions {
	if cpu.X86.HasAVX512F {
		return [2]*C.eqflow_functions{&C.eqflow_double_avx512, &C.eqflow_float_avx512}
	}
	return narrowFunctions
}

// narrowFunctions are those for AVX2.
var narrowFunctions = [2]*C.eqflow_functions{&C.eqflow_double_avx2, &C.eqflow_float_avx2}

// The kinds of sections, and the flags of the solvent, of energy.h.
const (
	sectionBonds       = C.EQFLOW_BONDS
	sectionAngles      = C.EQFLOW_ANGLES
	sectionPolynomials = C.EQFLOW_POLYNOMIALS
	sectionWaves       = C.EQFLOW_WAVES
	sectionPairs       = C.EQFLOW_PAIRS
	sectionCutPairs    = C.EQFLOW_CUT_PAIRS
	sectionBorn        = C.EQFLOW_BORN
	flagHCT            = C.EQFLOW_HCT
	flagEngulfed       = C.EQFLOW_ENGULFED
	flagCutoff         = C.EQFLOW_CUTOFF
	flagFused          = C.EQFLOW_FUSED
	flagMantissas      = C.EQFLOW_MANTISSAS
	flagNeck           = C.EQFLOW_NECK
)

// compiledTape is a tape in the memory of C, whose address stays valid within C's structures.
type compiledTape struct{ m *C.eqflow_molecule }

// compile copies the tape into C's memory, which is freed with its owner.
func (v *vectors) compile() {
	var index []C.int
	for _, i := range v.tape.index {
		index = append(index, C.int(i))
	}
	var sections []C.eqflow_section
	for _, s := range v.tape.sections {
		sections = append(sections, C.eqflow_section{C.int(s.kind), C.int(s.force), C.int(s.count)})
	}
	m := (*C.eqflow_molecule)(C.malloc(C.sizeof_eqflow_molecule))
	*m = C.eqflow_molecule{
		atoms: C.int(v.system.Atoms()), forces: C.int(len(v.system.Forces)), sections: C.int(len(sections)),
		section: inMemory(sections), index: inMemory(index),
	}
	if v.precision == Double {
		m.number = unsafe.Pointer(inMemory(v.tape.number))
	} else {
		floats := make([]float32, len(v.tape.number))
		for k, number := range v.tape.number {
			floats[k] = float32(number)
		}
		m.number = unsafe.Pointer(inMemory(floats))
	}
	v.compiled.m = m
	runtime.AddCleanup(v, func(m *C.eqflow_molecule) {
		C.free(unsafe.Pointer(m.section))
		C.free(unsafe.Pointer(m.index))
		C.free(m.number)
		C.free(unsafe.Pointer(m))
	}, m)
}

// inMemory copies an array into memory of C.
func inMemory[T any](a []T) *T {
	var one T
	to := C.malloc(C.size_t(max(1, len(a)) * int(unsafe.Sizeof(one))))
	copy(unsafe.Slice((*T)(to), len(a)), a)
	return (*T)(to)
}

func (v *vectors) spaceBytes() int { return int(C.eqflow_space(functions[v.precision], v.compiled.m)) }

// evaluate sets the energies [count, forces] and the forces [count, 3n] of configurations x.
func (v *vectors) evaluate(x []float64, count int, energies, forces, memory []float64) {
	C.eqflow_evaluate(functions[v.precision], v.compiled.m, C.int(count), numbers(x), numbers(energies),
		numbers(forces), unsafe.Pointer(unsafe.SliceData(memory)))
	runtime.KeepAlive(v)
}

func numbers(a []float64) *C.double { return (*C.double)(unsafe.SliceData(a)) }
