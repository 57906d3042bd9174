package gonb

import (
	"os"
	"path/filepath"
	"testing"
)

// The hash changes with every file that notebooks compile, and with no other.
func TestSourceHash(t *testing.T) {
	root := t.TempDir()
	for _, folder := range []string{"eqflow/egnn", "internal/atomic", "xla", "notebooks"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module m\n")
	hash := func() string {
		t.Helper()
		h, err := SourceHash(root)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := hash()
	for _, name := range []string{"notebooks/01-symmetry.ipynb", "eqflow/model_test.go", "eqflow/README.md"} {
		if write(name, "1"); hash() != before {
			t.Errorf("the hash changes with %s", name)
		}
	}
	for _, name := range []string{
		"go.mod", "eqflow/model.go", "eqflow/egnn/layer.c", "eqflow/egnn/layer.h", "internal/atomic/atomic.go",
		"xla/xla.go",
	} {
		write(name, "package changed\n")
		if after := hash(); after == before {
			t.Errorf("the hash stays the same with another %s", name)
		} else {
			before = after
		}
	}
	if err := os.Rename(filepath.Join(root, "eqflow/model.go"), filepath.Join(root, "xla/model.go")); err != nil {
		t.Fatal(err)
	}
	if hash() == before {
		t.Error("the hash stays the same with a file in another folder")
	}
}
