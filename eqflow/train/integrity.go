package train

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// checksum is the SHA-256 of arrays: of their names, types, shapes and numbers. Their order plays
// no part.
func checksum(arrays dataset.Arrays) string {
	h := sha256.New()
	byName := func(a, b dataset.Array) int { return cmp.Compare(a.Name, b.Name) }
	sorted := slices.SortedFunc(slices.Values(arrays), byName)
	for _, a := range sorted {
		fmt.Fprintf(h, "%q %v ", a.Name, a.Shape)
		switch {
		case a.F32 != nil:
			write(h, "float32", a.F32)
		case a.F64 != nil:
			write(h, "float64", a.F64)
		case a.I64 != nil:
			write(h, "int64", a.I64)
		default:
			write(h, "uint8", a.U8)
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// write adds numbers to a checksum. A hash never fails to take bytes.
func write(h hash.Hash, kind string, numbers any) {
	fmt.Fprint(h, kind, "\n")
	_ = binary.Write(h, binary.LittleEndian, numbers)
}

// damaged is the error of a file that does not hold the model's arrays.
func (f File) damaged(format string, arguments ...any) error {
	advice := "remove it and train the model again, or bring a copy back"
	if !f.Finished() {
		advice = "remove it to train from the beginning, or bring a copy back"
	}
	return dataset.Inputf("eqflow: the model is damaged: %s %s; %s", f.Path, fmt.Sprintf(format, arguments...), advice)
}

// withoutManifest are the arrays that the checksum covers.
func (f File) withoutManifest() dataset.Arrays {
	return slices.DeleteFunc(slices.Clone(f.Arrays), func(a dataset.Array) bool { return a.Name == manifestArray })
}

// Checked reports whether the file has a checksum. Files of earlier versions have none.
func (f File) Checked() bool { return f.Checksum != "" }

// check returns an error unless the file holds exactly the arrays that the subject's parameters
// have, with finite numbers, and the checksum is right.
func (f File) check(m Subject) error {
	scopes := []string{engine.ScopeFlow}
	for _, scope := range []string{engine.ScopeAverage, engine.ScopeBest} {
		if slices.ContainsFunc(f.Arrays, func(a dataset.Array) bool { return strings.HasPrefix(a.Name, scope+"/") }) {
			scopes = append(scopes, scope)
		}
	}
	expected := map[string][]int{} // the shape of each array
	names, variables := m.Parameters().List(engine.ScopeFlow)
	for _, scope := range scopes {
		for k, name := range names {
			expected[scope+"/"+name] = variables[k].Shape().Dimensions
		}
	}
	for name, shape := range expected {
		a, ok := f.Arrays.Get(name)
		switch {
		case !ok:
			return f.damaged("has no array %q", name)
		case a.F32 == nil || !slices.Equal(a.Shape, shape):
			return f.damaged("holds %q in another type or shape than float32 %v", name, shape)
		}
	}
	for _, a := range f.withoutManifest() {
		if scope, _, _ := strings.Cut(a.Name, "/"); slices.Contains(scopes, scope) && expected[a.Name] == nil {
			return f.damaged("holds an array %q, which this flow does not have", a.Name)
		}
		if k := slices.IndexFunc(a.Float64s(), notFinite); k >= 0 && !strings.HasPrefix(a.Name, ladderArrays) {
			return f.damaged("holds %g at place %d of %q", a.Float64s()[k], k, a.Name)
		}
	}
	if f.Checked() && checksum(f.withoutManifest()) != f.Checksum {
		return f.damaged("does not hold the numbers that were written: their checksum differs")
	}
	return nil
}

func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }
