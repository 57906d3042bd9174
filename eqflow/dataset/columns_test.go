package dataset

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// longSet is a set of more values than one piece of a file holds.
func longSet(n int) Set {
	set := Set{Batch: particle.NewBatch(n, 3, 2), Manifest: Manifest{System: "test"}}
	u := make([]float64, n)
	for i := range set.Batch.X {
		set.Batch.X[i] = math.Sin(float64(i))
	}
	for i := range u {
		u[i] = math.Cos(float64(i))
	}
	set.Arrays = Arrays{Float64("u", u)}
	return set
}

// columnsOf are the arrays of a set as columns, given in pieces of unequal lengths.
func columnsOf(set Set) []Column {
	pieces := func(values []float64, width int) func(do func(values []float64) error) error {
		return func(do func(values []float64) error) error {
			for k := 1; len(values) > 0; k++ {
				n := min(k*width, len(values))
				if err := do(values[:n]); err != nil {
					return err
				}
				values = values[n:]
			}
			return nil
		}
	}
	n := set.Batch.Len()
	x := Column{Name: "x", Shape: []int{n, set.Batch.N, set.Batch.D}}
	x.Values = func(do func(values []float64) error) error { return pieces(set.Batch.X, 6)(do) }
	columns := []Column{x}
	for _, a := range set.Arrays {
		c := Column{Name: a.Name, Shape: a.Shape}
		c.Values = func(do func(values []float64) error) error { return pieces(a.F64, 1)(do) }
		columns = append(columns, c)
	}
	return columns
}

// Columns in pieces make the file of Write, and are read again side by side.
func TestColumns(t *testing.T) {
	folder := t.TempDir()
	whole, inPieces := filepath.Join(folder, "whole.npz"), filepath.Join(folder, "pieces.npz")
	const n = 20001
	set := longSet(n)
	if err := Write(whole, set, false); err != nil {
		t.Fatal(err)
	}
	if err := WriteColumns(inPieces, columnsOf(set), set.Manifest, false); err != nil {
		t.Fatal(err)
	}
	a, b := readAll(t, whole), readAll(t, inPieces)
	if !bytes.Equal(a, b) {
		t.Errorf("the files differ: %d and %d bytes", len(a), len(b))
	}
	var u, x []float64
	err := ReadColumns(whole, []string{"u", "x"}, func(columns [][]float64) error {
		if len(columns[1]) != 6*len(columns[0]) {
			t.Errorf("a piece of %d and %d values", len(columns[0]), len(columns[1]))
		}
		u, x = append(u, columns[0]...), append(x, columns[1]...)
		return nil
	})
	if err != nil || !slices.Equal(u, set.Arrays[0].F64) || !slices.Equal(x, set.Batch.X) {
		t.Errorf("%d and %d values, %v", len(u), len(x), err)
	}
	set.Batch.X[6*n-1] = math.Inf(1)
	err = WriteColumns(inPieces, columnsOf(set), set.Manifest, true)
	want := "configuration 20000 holds +Inf (particle 2, coordinate 1)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("an infinite coordinate: %v", err)
	}
	if !bytes.Equal(readAll(t, inPieces), b) {
		t.Error("the file that was there has changed")
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Columns that are damaged, absent, of other lengths or no lists are refused.
func TestColumnsAreChecked(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x.npz")
	arrays := Arrays{
		Float64("a", []float64{1, 2, 3}), Float64("b", []float64{1, 2}),
		{Name: "one", F64: []float64{1}, Shape: []int{}},
	}
	if err := WriteArrays(path, arrays, false); err != nil {
		t.Fatal(err)
	}
	read := func(names ...string) error {
		return ReadColumns(path, names, func([][]float64) error { return nil })
	}
	for want, names := range map[string][]string{
		`2 entries in "b" and 3 in "a"`: {"a", "b"}, `no array "c"`: {"a", "c"}, "a single number": {"one"},
	} {
		if err := read(names...); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", names, err)
		}
	}
	data := readAll(t, path)
	at := bytes.Index(data, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}) // 1
	data[at+1] = 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := read("a"); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a changed value: %v", err)
	}
}
