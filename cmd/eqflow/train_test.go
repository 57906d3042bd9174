package main

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
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

// dw4Set writes DW4-like configurations with the given description of their system.
func dw4Set(t *testing.T, spec string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dw4.npz")
	rng, batch := rand.New(rand.NewPCG(1, 1)), particle.NewBatch(16, 4, 2)
	for i := range batch.X {
		batch.X[i] = 3 * rng.NormFloat64()
	}
	set := dataset.Set{Batch: batch, Manifest: dataset.Manifest{System: "dw4", Spec: json.RawMessage(spec)}}
	if err := dataset.Write(path, set, false); err != nil {
		t.Fatal(err)
	}
	return path
}

// A model trains on the energy alone, and says how many energies that took and how far it has
// climbed.
func TestTrainWithoutData(t *testing.T) {
	for line, has := range map[string][]string{
		"--objective annealed --draws 16 --moves 1 --steps 2 --batch 4": {
			"ladder    2 rungs", "log Z", "energies ",
		},
		"--objective energy-matching --draws 16 --probes 2 --steps 2 --batch 4": {
			"ladder    2 rungs, to λ = 1", "energies ",
		},
		"--objective energy --path-gradients --steps 1 --batch 4":    {"energies  4 evaluated"},
		"--objective annealed --draws 16 --steps 2 --batch 4 --json": {`"energy_evaluations": 3432`}, // 17·200 for the width, 2·16 draws
	} {
		args := "train --backend go --system dw4 " + line + " --out " + t.TempDir()
		code, stdout, stderr := runCaptured(strings.Fields(args)...)
		for _, want := range has {
			if code != exitDone || !strings.Contains(stdout, want) {
				t.Errorf("%q: code %d, stdout %q lacks %q; stderr %q", line, code, stdout, want, stderr)
			}
		}
	}
}

// A model that was trained on the command line is judged and sampled; what was not measured has no
// number.
func TestTrainEvalSample(t *testing.T) {
	data, dir := dw4Set(t, `{"kind":"double-well","n":4,"d":2}`), t.TempDir()
	folder, finished := filepath.Join(dir, "model"), filepath.Join(dir, "finished")
	samples := filepath.Join(dir, "samples.npz")
	train := "train --backend go --system dw4 --steps 1 --batch 4 --data " + data + " --out " + folder
	for _, step := range []struct {
		line string
		code int
		has  string // on stdout
		says string // not on stdout where all went well; on stderr where not
	}{
		{train + " --json", exitDone, `"steps": 1`, ""},
		{"train --backend go --from " + folder + " --path-gradients --steps 1 --batch 4 --json --data " + data + " --out " + finished, exitDone, `"energy_evaluations": 4`, ""},
		{"train --backend go --from " + folder + " --path-gradients --steps 1 --batch 4 --json --data " + data + " --out " + finished, exitDone, `"steps": 1`, ""}, // is there
		{"train --backend go --from " + finished + " --path-gradients --steps 1 --batch 4 --data " + data +
			" --out " + finished, exitInput, "", "other start (--from)"},
		{train + " --validation " + data, exitInput, "", "validation data"},
		{"train --backend go --system dw4 --steps 1 --data " + data + " --out " + data, exitInput, "", "folder"},
		{"eval --backend go --samples 0 --json --model " + folder + " --data " + data, exitDone, `"nll_adaptive"`, `"ess"`},
		{"eval --backend go --samples 32 --json --model " + folder + " --data " + data, exitDone, `"weights_trustworthy": false`, "nothing"},
		{"sample --backend go -n 8 --json --model " + folder + " --out " + samples, exitDone, `"log_z"`, ""},
		{"sample --backend go -n 8 --model " + folder + " --out " + samples, exitInput, "", "exists"},
	} {
		code, stdout, stderr := runCaptured(strings.Fields(step.line)...)
		if code != step.code || !strings.Contains(stdout, step.has) {
			t.Errorf("%q: code %d, stdout %q, stderr %q", step.line, code, stdout, stderr)
		}
		if step.code == exitDone && step.says != "" && strings.Contains(stdout, step.says) {
			t.Errorf("%q says %q: %s", step.line, step.says, stdout)
		}
		if step.code != exitDone && !strings.Contains(stderr, step.says) {
			t.Errorf("%q: stderr %q does not say %q", step.line, stderr, step.says)
		}
	}
	card, err := eqflow.Describe(finished)
	before := card.History.Before
	if err != nil || len(before) != 1 || before[0].Taken != 1 || takesPaths(before[0].Settings) ||
		!takesPaths(*card.Settings) {
		t.Errorf("the finished model was trained before by %+v (%v), want one step without path gradients", before, err)
	}
}

// takesPaths reports whether a likelihood's or mixture's training took path gradients.
func takesPaths(s train.Settings) bool {
	return strings.Contains(s.ObjectiveSettings(), "path true")
}

// None of these needs a backend: what is wrong is said before one is opened.
func TestTrainSampleWrongInput(t *testing.T) {
	dir, other := t.TempDir(), lj13Set(t)
	shallow := dw4Set(t, `{"kind":"double-well","n":4,"d":2,"constants":{"c":0.8}}`)
	for line, want := range map[string]string{
		"train --system dw4 --data x.npz":                                                  "--out FOLDER is missing",
		"train --data x.npz --out " + dir:                                                  "--system NAME",
		"train --system dw4 --out " + dir:                                                  "--objective energy",
		"train --system dw4 --data nowhere.npz --out " + dir:                               "check the name",
		"train --system dw4 --data " + other + " --out " + dir:                             "lj13",
		"train --system dw4 --data " + shallow + " --out " + dir:                           "c is 0.8, not 0.9",
		"train --system dw4 --steps 0 --data " + other + " --out " + dir:                   "--steps 0",
		"train --system dw4 --learning-rate nan --data x.npz --out " + dir:                 "learning rate NaN",
		"train --system dw4 --coupling ot --data x.npz --out " + dir:                       "coupling",
		"train --system dw4 --flow egnn --coupling near --data x --out " + dir:             `no coupling "near"`,
		"train --system dw4 --objective energy --data x.npz --out " + dir:                  "would not look at x.npz",
		"train --system dw4 --flow glow --data " + other + " --out " + dir:                 "no flow",
		"train --system dw4 --objective annealed --flow realnvp --backend go --out " + dir: "continuous flow",
		"train --system dw4 --objective energy --forces --out " + dir:                      "flow-matching",
		"train --system dw4 --objective energy --early-stop --out " + dir:                  "--validation",
		"train --system lj13 --data " + other + " --out " + dir:                            other,
		"train --from " + dir + " --flow egnn --data x --out " + dir:                       "leave --flow out",
		"train --from " + dir + " --data x --out " + dir:                                   "holds no model",
		"train --from nowhere --data x --out " + dir:                                       "holds no model",
		"sample --model " + dir + " -n 0 --out " + filepath.Join(dir, "a.npz"):             "at least 1",
		"sample --model " + dir + " --out " + filepath.Join(dir, "a.txt"):                  ".npz, .npy or .xyz",
		"sample --out " + filepath.Join(dir, "a.npz"):                                      "--model FOLDER is missing",
		"eval --model " + dir: "--data FILE is missing",
	} {
		code, stdout, stderr := runCaptured(strings.Fields(line)...)
		if code != exitInput || stdout != "" || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d, stdout %q, stderr %q, want %q", line, code, stdout, stderr, want)
		}
	}
}
