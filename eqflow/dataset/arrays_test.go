package dataset

import (
	"bytes"
	"math"
	"path/filepath"
	"reflect"
	"testing"
)

func parameters() Arrays {
	return Arrays{
		Float32("net/w", []float32{1, float32(math.NaN()), math.MaxFloat32, -0.1, 5, 6}, 2, 3),
		Float64("net/b", []float64{math.Copysign(0, -1), math.SmallestNonzeroFloat64}),
		Int64("step", []int64{math.MinInt64}),
		{Name: "scalar", Shape: []int{}, F64: []float64{math.Pi}},
		Bytes("text", []byte("{}")),
		Float32("none", []float32{}, 0, 3),
	}
}

func TestArraysRoundTripExactly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.npz")
	if err := WriteArrays(path, parameters(), false); err != nil {
		t.Fatal(err)
	}
	got, err := ReadArrays(path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Names(), parameters().Names()) {
		t.Fatalf("names %v, want %v", got.Names(), parameters().Names())
	}
	for k, want := range parameters() {
		// The bytes are compared, because NaN is not equal to itself.
		if !bytes.Equal(appendNpy(nil, got[k]), appendNpy(nil, want)) {
			t.Errorf("%s: %+v, want %+v", want.Name, got[k], want)
		}
	}
}

func TestSameArraysSameBytes(t *testing.T) {
	a, err := EncodeArrays(parameters())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := EncodeArrays(parameters()); !bytes.Equal(a, b) {
		t.Error("two encodings differ")
	}
	read, err := DecodeArrays(bytes.NewReader(a), int64(len(a)))
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := EncodeArrays(read); !bytes.Equal(a, b) {
		t.Error("reading and writing changes the bytes")
	}
}

func TestArraysAreChecked(t *testing.T) {
	for name, arrays := range map[string]Arrays{
		"shape":    {Float64("a", []float64{1, 2}, 3)},
		"negative": {Float64("a", []float64{}, -1, 0)},
		"no name":  {Float64("", []float64{1})},
		"types":    {{Name: "a", Shape: []int{1}, F64: []float64{1}, I64: []int64{1}}},
		"twice":    {Float64("a", nil), Float64("a", nil)},
	} {
		if _, err := EncodeArrays(arrays); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFloat16KnownValues(t *testing.T) {
	known := map[uint16]float32{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 0x1p-24, 0x0400: 0x1p-14, 0x8000: 0}
	for bits, want := range known {
		if got := float16(bits); got != want {
			t.Errorf("float16(%#04x) = %g, want %g", bits, got, want)
		}
	}
	if !math.IsInf(float64(float16(0x7c00)), 1) || !math.IsNaN(float64(float16(0x7e00))) {
		t.Error("float16 loses infinity or NaN")
	}
}

func TestRowMajorUndoesColumnMajor(t *testing.T) {
	// The array [2, 3, 2] whose row-major values are 0 … 11, in column-major order.
	fortran := []int{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}
	got := rowMajor(fortran, []int{2, 3, 2})
	for i, v := range got {
		if i != v {
			t.Fatalf("got %v, want 0 … 11", got)
		}
	}
}

// appendNpy appends the array as an .npy file.
func appendNpy(buf []byte, a Array) []byte {
	out := bytes.NewBuffer(buf)
	_ = writeNpy(out, a) // a buffer takes everything
	return out.Bytes()
}
