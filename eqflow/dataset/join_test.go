package dataset

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Parts of both float types are joined to one file that Read accepts. Its hash is that of all
// configurations.
func TestJoin(t *testing.T) {
	folder := t.TempDir()
	single := particle.Batch{X: []float64{1, 2, 3, 4}, N: 2, D: 1}
	double := particle.Batch{X: []float64{0.1, 0.2}, N: 2, D: 1}
	for name, b := range map[string]particle.Batch{"a.npz": single, "b.npz": double} {
		set := Set{Batch: b, Arrays: Arrays{Float64("u", make([]float64, b.Len()))}}
		if err := Write(filepath.Join(folder, name), set, false); err != nil {
			t.Fatal(err)
		}
	}
	parts := []string{filepath.Join(folder, "a.npz"), filepath.Join(folder, "b.npz")}
	whole := filepath.Join(folder, "whole.npz")
	if err := Join(whole, parts, []string{"x", "u"}, Manifest{System: "s", Seed: 3}, false); err != nil {
		t.Fatal(err)
	}
	set, err := Read(whole, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := particle.Batch{X: slices.Concat(single.X, double.X), N: 2, D: 1}
	if Hash(set.Batch) != Hash(want) || set.Manifest.Count != 3 || set.Manifest.Seed != 3 {
		t.Errorf("%+v", set)
	}
	if u, ok := set.Arrays.Get("u"); !ok || u.Len() != 3 {
		t.Errorf("u = %v", u)
	}
	if err := Join(whole, parts, []string{"x"}, Manifest{}, false); !errors.Is(err, ErrInput) {
		t.Errorf("an existing file: %v", err)
	}
	if err := Join(whole, parts, []string{"v"}, Manifest{}, true); !errors.Is(err, ErrInput) {
		t.Errorf("an array that does not exist: %v", err)
	}
	if _, err := Read(whole, 0, 0); err != nil {
		t.Errorf("after failures: %v", err)
	}
}
