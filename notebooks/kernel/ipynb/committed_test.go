package ipynb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// committed returns the paths of the notebooks of this clone, by their names.
func committed(t *testing.T) []string {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(root, "notebooks", "*.ipynb"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d notebooks, %v", len(paths), err)
	}
	return paths
}

// Jupyter writes the kernel's description into a notebook that it opens, and saves the notebook in
// Jupyter's own form. Neither changes a committed notebook.
func TestOpeningACommittedNotebookChangesNothing(t *testing.T) {
	spec := map[string]any{"display_name": ipynb.SpecTitle, "language": "go", "name": ipynb.SpecName}
	for _, path := range committed(t) {
		nb, err := ipynb.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if got := nb.Metadata("language_info"); !reflect.DeepEqual(got, ipynb.LanguageInfo()) {
			t.Errorf("%s has the language_info %v, the kernel says %v", name, got, ipynb.LanguageInfo())
		}
		if got := nb.Metadata("kernelspec"); !reflect.DeepEqual(got, spec) {
			t.Errorf("%s has the kernelspec %v, want %v", name, got, spec)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := nb.Encode(); err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s is not in Jupyter's form (%v): saving it changes its bytes", name, err)
		}
	}
}

// The version that the kernel names is the one of go.mod, without a patch.
func TestLanguageVersion(t *testing.T) {
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	demanded := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(text)
	if version := ipynb.LanguageInfo()["version"]; demanded == nil || version != string(demanded[1]) {
		t.Errorf("the kernel names Go %v, go.mod demands %s", version, demanded)
	}
}
