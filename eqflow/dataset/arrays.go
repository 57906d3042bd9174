package dataset

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Array is a named array of one element type. Exactly one of F32, F64, I64 and U8 holds its values,
// row-major. Shape holds its lengths; an empty Shape is a scalar.
type Array struct {
	Name  string
	Shape []int
	F32   []float32
	F64   []float64
	I64   []int64
	U8    []byte

	isBool bool // U8 was read from NumPy's bool: true and false, not numbers
}

// Float32 returns a float32 array. Without a shape it is one-dimensional.
func Float32(name string, data []float32, shape ...int) Array {
	return Array{Name: name, Shape: shapeOr(shape, len(data)), F32: data}
}

// Float64 returns a float64 array. Without a shape it is one-dimensional.
func Float64(name string, data []float64, shape ...int) Array {
	return Array{Name: name, Shape: shapeOr(shape, len(data)), F64: data}
}

// Int64 returns an int64 array. Without a shape it is one-dimensional.
func Int64(name string, data []int64, shape ...int) Array {
	return Array{Name: name, Shape: shapeOr(shape, len(data)), I64: data}
}

// Bytes returns a one-dimensional uint8 array, for text such as JSON.
func Bytes(name string, data []byte) Array {
	return Array{Name: name, Shape: []int{len(data)}, U8: data}
}

func shapeOr(shape []int, n int) []int {
	if len(shape) == 0 {
		return []int{n}
	}
	return slices.Clone(shape)
}

// Len returns the number of values in the array.
func (a Array) Len() int { return len(a.F32) + len(a.F64) + len(a.I64) + len(a.U8) }

// Float64s returns the values as float64, [Len]. For a float64 array the result is its own slice,
// otherwise a converted copy.
func (a Array) Float64s() []float64 {
	switch {
	case a.F64 != nil:
		return a.F64
	case a.F32 != nil:
		return convert(a.F32)
	case a.I64 != nil:
		return convert(a.I64)
	}
	return convert(a.U8)
}

func convert[T float32 | int64 | byte](in []T) []float64 {
	out := make([]float64, len(in))
	for i, v := range in {
		out[i] = float64(v)
	}
	return out
}

// Validate returns an error for an array without a name in UTF-8, with two element types, or with a
// shape that does not match its number of values.
func (a Array) Validate() error {
	if a.Name == "" {
		return fmt.Errorf("dataset: an array has no name; give it one")
	}
	if !utf8.ValidString(a.Name) {
		return fmt.Errorf("dataset: the array name %q is not UTF-8; give another one", a.Name)
	}
	types := 0
	for _, n := range []int{len(a.F32), len(a.F64), len(a.I64), len(a.U8)} {
		if n > 0 {
			types++
		}
	}
	if types > 1 {
		return fmt.Errorf("dataset: array %q has values of two types; set one of F32, F64, I64, U8", a.Name)
	}
	count := 1
	for _, n := range a.Shape {
		if n < 0 {
			return fmt.Errorf("dataset: array %q has the shape %v; lengths cannot be negative", a.Name, a.Shape)
		}
		count *= n
	}
	if count != a.Len() {
		return fmt.Errorf("dataset: array %q holds %d values, but its shape %v has %d; correct the shape",
			a.Name, a.Len(), a.Shape, count)
	}
	return nil
}

// Arrays is an ordered list of arrays with distinct names, the content of one .npz file.
type Arrays []Array

// Get returns the array of the given name, and whether it exists.
func (as Arrays) Get(name string) (Array, bool) {
	for _, a := range as {
		if a.Name == name {
			return a, true
		}
	}
	return Array{}, false
}

// Names returns the names of the arrays in order.
func (as Arrays) Names() []string {
	names := make([]string, len(as))
	for i, a := range as {
		names[i] = a.Name
	}
	return names
}

// Validate returns an error for the first array that is invalid or has the name of an earlier
// array.
func (as Arrays) Validate() error {
	seen := map[string]bool{}
	for _, a := range as {
		if err := a.Validate(); err != nil {
			return err
		}
		if seen[a.Name] {
			return fmt.Errorf("dataset: two arrays have the name %q; rename one", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}
