package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func TestEveryCommandIsThereOnce(t *testing.T) {
	started, seen := false, map[string]bool{}
	for _, cmd := range newRootCommand(&started).Commands() {
		if seen[cmd.Name()] {
			t.Errorf("%s is registered twice", cmd.Name())
		}
		seen[cmd.Name()] = true
	}
	for _, name := range []string{"train", "sample", "eval"} {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// lj13Set writes one configuration that says it is of LJ13, in the shape of the DW4 that it is not.
func lj13Set(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.npz")
	batch := particle.NewBatch(1, 4, 2)
	copy(batch.X, []float64{0, 0, 1, 0, 0, 1, 1, 1})
	set := dataset.Set{Batch: batch, Manifest: dataset.Manifest{System: "lj13", Spec: json.RawMessage(`{}`)}}
	if err := dataset.Write(path, set, false); err != nil {
		t.Fatal(err)
	}
	return path
}

// None of these needs a backend: what is wrong is said before one is opened.
func TestTrainSampleWrongInput(t *testing.T) {
	dir, other := t.TempDir(), lj13Set(t)
	for line, want := range map[string]string{
		"train --system dw4 --data x.npz":                                      `required flag(s) "out"`,
		"train --data x.npz --out " + dir:                                      "--system NAME",
		"train --system dw4 --out " + dir:                                      "--objective energy",
		"train --system dw4 --data nowhere.npz --out " + dir:                   "check the name",
		"train --system dw4 --data " + other + " --out " + dir:                 "lj13",
		"train --system dw4 --flow glow --data " + other + " --out " + dir:     "no flow",
		"train --system dw4 --objective energy --early-stop --out " + dir:      "--validation",
		"train --system lj13 --data " + other + " --out " + dir:                other,
		"sample --model " + dir + " -n 0 --out " + filepath.Join(dir, "a.npz"): "at least 1",
		"sample --model " + dir + " --out " + filepath.Join(dir, "a.txt"):      ".npz, .npy or .xyz",
		"sample --out " + filepath.Join(dir, "a.npz"):                          `required flag(s) "model"`,
		"eval --model " + dir:                                                  `required flag(s) "data"`,
	} {
		code, stdout, stderr := runCaptured(strings.Fields(line)...)
		if code != exitInput || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d, stdout %q, stderr %q, want %q", line, code, stdout, stderr, want)
		}
	}
}
