package main

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// equilibrium writes 300 configurations of DW4 and returns the path and the configurations.
func equilibrium(t *testing.T) (path string, x particle.Batch) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "reference.npz")
	mustRun(t, "mcmc --system dw4 -n 300 --burn 2000 --seed 1 --out "+path)
	set, err := dataset.Read(path, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	return path, set.Batch
}

// arraysFile writes an .npz with x and further arrays.
func arraysFile(t *testing.T, x particle.Batch, others ...dataset.Array) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.npz")
	arrays := append(dataset.Arrays{dataset.Float64("x", x.X, x.Len(), x.N, x.D)}, others...)
	if err := dataset.WriteArrays(path, arrays, false); err != nil {
		t.Fatal(err)
	}
	return path
}

// changed returns a copy in which f has changed the coordinates of configuration i.
func changed(x particle.Batch, i int, f func(v float64) float64) particle.Batch {
	x = x.Clone()
	for k, v := range x.At(i) {
		x.At(i)[k] = f(v)
	}
	return x
}

// scaled returns the configurations in another unit of length.
func scaled(x particle.Batch, factor float64) particle.Batch {
	for i := range x.Len() {
		x = changed(x, i, func(v float64) float64 { return factor * v })
	}
	return x
}

// Log-weights of every type and shape give the same figures, and no log-weights give none.
func TestMeasureUsesWeights(t *testing.T) {
	reference, x := equilibrium(t)
	n := x.Len()
	double, single, whole := make([]float64, n), make([]float32, n), make([]int64, n)
	for i := range double {
		double[i], single[i], whole[i] = float64(i%3), float32(i%3), int64(i%3)
	}
	measured := func(others ...dataset.Array) string {
		stdout, stderr := mustRun(t, "measure "+arraysFile(t, x, others...)+" --compare 50 --data "+reference)
		if weighted := strings.Contains(stderr, "weighted by log_w\n"); weighted != (len(others) > 0) {
			t.Errorf("stderr says %q of %d arrays", stderr, len(others))
		}
		return stdout
	}
	want := measured(dataset.Float64("log_w", double))
	for name, array := range map[string]dataset.Array{
		"float32": dataset.Float32("log_w", single), "int64": dataset.Int64("log_w", whole),
		"column": dataset.Float64("log_w", double, n, 1),
	} {
		if got := measured(array); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	without := measured()
	for _, line := range strings.Split(strings.TrimSpace(without), "\n")[5:] {
		if !strings.HasSuffix(line, " –") {
			t.Errorf("without weights there is a reweighted figure: %s", line)
		}
	}
	spoilt := slices.Clone(double)
	spoilt[7] = math.NaN()
	for message, values := range map[string][]float64{
		"is (299,) float64": double[1:], "NaN for configuration 7": spoilt,
	} {
		path := arraysFile(t, x, dataset.Float64("log_w", values))
		if stderr := checkRefused(t, "measure "+path+" --data "+reference, message); !strings.Contains(stderr, path) {
			t.Errorf("the refusal does not name the file: %s", stderr)
		}
	}
}

// The line on stderr says which arrays are not used. Weights of another name are refused.
func TestMeasureSaysWhatItTakes(t *testing.T) {
	reference, x := equilibrium(t)
	ones := make([]float64, x.Len())
	path := arraysFile(t, x, dataset.Float64("energy", ones), dataset.Float64("a", ones[:2]))
	_, stderr := mustRun(t, "measure "+path+" --compare 20 --data "+reference)
	for _, want := range []string{
		`300 configurations from array "x" (300, 4, 2) float64, without weights; not used: energy, a`,
		"reference.npz: 300 configurations", "not used: u\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("%q does not say %q", stderr, want)
		}
	}
	named := arraysFile(t, x, dataset.Float64("weights", ones))
	checkRefused(t, "measure "+named+" --compare 20 --data "+reference, "save their natural logarithms as log_w")
}

// A variable that no configuration has is refused, and a variable that some have not is said.
func TestMeasureRefusesVariablesWithoutValues(t *testing.T) {
	reference, _ := equilibrium(t)
	line := "measure " + reference + " --data " + reference + " --compare 20 --cv "
	checkRefused(t, line+"d(0,1)/0", "finite value for no configuration")
	if _, stderr := mustRun(t, line+"d(0,1)>3?1:1/(d(0,1)-d(0,1))"); !strings.Contains(stderr, "have no finite value") {
		t.Errorf("stderr is %q", stderr)
	}
}

// Data that cannot be of the system are refused, left out or said, with their energies.
func TestImpossibleData(t *testing.T) {
	reference, x := equilibrium(t)
	far := arraysFile(t, changed(x, 7, func(v float64) float64 { return 1e20 * v }))
	training := "train --backend go --system dw4 --steps 2 --batch 4 --out " + t.TempDir() + " --data "
	checkRefused(t, training+far, "configuration 7 with u = ")
	checkRefused(t, training+reference+" --validation "+far, "configuration 7 with u = ")
	scoring := "eval --backend go --samples 0 --model " + smallModel(t) + " --data "
	stdout, stderr := mustRun(t, scoring+far)
	if !strings.Contains(stderr, "left out configuration 7") || !strings.Contains(stdout, "299 configurations scored") {
		t.Errorf("eval: %q, %q", stdout, stderr)
	}
	for line, want := range map[string]string{
		"measure " + reference + " --system dw4 --compare 20 --data " + far: "left out configuration 7",
		"measure " + far + " --compare 20 --data " + reference:              "holds configuration 7",
	} {
		if _, stderr := mustRun(t, line); !strings.Contains(stderr, want) {
			t.Errorf("%s: stderr %q does not say %q", line, stderr, want)
		}
	}
}

// Data in another unit, or at one point, are used with a warning.
func TestUnlikelyData(t *testing.T) {
	_, x := equilibrium(t)
	training := "train --backend go --system dw4 --steps 2 --batch 4 --data "
	scoring := "eval --backend go --samples 0 --model " + smallModel(t) + " --data "
	for name, c := range map[string]struct {
		x    particle.Batch
		says string
	}{
		"units":  {scaled(x, 100), "multiplied by 0.01 it is -2"},
		"origin": {scaled(x, 0), "at one point"},
	} {
		path := arraysFile(t, c.x)
		_, train := mustRun(t, training+path+" --out "+t.TempDir())
		stdout, eval := mustRun(t, scoring+path)
		if !strings.Contains(stdout, "NOT TRUSTWORTHY: the data are no fair sample: its energies") {
			t.Errorf("%s: stdout is %q", name, stdout)
		}
		if stdout, _ := mustRun(t, scoring+path+" --equilibrium=false"); strings.Contains(stdout, "no fair sample") {
			t.Errorf("%s, for no fair sample: stdout is %q", name, stdout)
		}
		for _, stderr := range []string{train, eval} {
			if !strings.Contains(stderr, c.says) || !strings.Contains(stderr, "about -22.54 kT is expected for dw4") {
				t.Errorf("%s: stderr is %q", name, stderr)
			}
		}
	}
}

// The energies of equilibrium data of any system are those expected.
func TestEnergiesOfEquilibrium(t *testing.T) {
	for _, system := range []string{"dw3", "dw4", "lj4", "lj3+4", "chain5", "harmonic4x2"} {
		path := filepath.Join(t.TempDir(), "a.npz")
		mustRun(t, fmt.Sprintf("mcmc --system %s -n 50 --burn 2000 --seed 1 --out %s", system, path))
		_, stderr := mustRun(t, fmt.Sprintf("measure %s --data %s --compare 5", path, path))
		if strings.Contains(stderr, "warning") {
			t.Errorf("%s: %q", system, stderr)
		}
	}
}

// Overlapping particles have infinite energies. Where no configuration is possible, eval refuses.
func TestOverlaps(t *testing.T) {
	lj, err := target.Parse("lj3")
	if err != nil {
		t.Fatal(err)
	}
	x := particle.NewBatch(6, 3, 3)
	for i := range x.Len() {
		copy(x.At(i), []float64{0, 0, 0, 1.1, 0, 0, 0.5, 1 + 0.02*float64(i), 0})
	}
	copy(x.At(2), []float64{1.1, 0, 0})
	check := checkEnergies(lj, x)
	if len(check.impossible) != 1 || check.impossible[0] != 2 || len(check.possible()) != 5 {
		t.Errorf("impossible are %v of %v", check.impossible, check.u)
	}
	if text := check.impossibleText(); !strings.Contains(text, "configuration 2 with u = +Inf kT") {
		t.Errorf("the text is %q", text)
	}
	clear(x.X)
	path := arraysFile(t, x)
	line := "train --backend go --system lj3 --data " + path + " --out " + t.TempDir()
	checkRefused(t, line, "no configuration can be of lj3")
}

// An .npy has no room for what reweighting needs.
func TestSampleRefusesNpy(t *testing.T) {
	line := "sample --backend go --model " + smallModel(t) + " -n 4 --out " + filepath.Join(t.TempDir(), "a.npy")
	checkRefused(t, line, "name it .npz")
}
