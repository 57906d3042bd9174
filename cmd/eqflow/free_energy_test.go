package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// Between two harmonic traps all methods find ½ (n−1) d ln(k_B/k_A), also from rungs that a
// stopped command has kept.
func TestFreeEnergyOfTraps(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "f.npz")
	line := "free-energy --system harmonic4x2 --to k=1.4 --rungs 3 -n 600 --seed 2 --json"
	stdout, _ := mustRun(t, line+" --out "+out+" --figures "+folder)
	var r freeEnergies
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	want := 3 * math.Log(1.4)
	if !r.Agree || len(r.Results) != 4 || len(r.Overlaps) != 2 {
		t.Errorf("%+v", r)
	}
	for _, result := range r.Results {
		if math.Abs(result.Free.Value-want) > 5*result.Free.Error || result.Free.Error > 0.2 {
			t.Errorf("%s: %v, want %.4f", result.Method, result.Free, want)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "rungs.png")); err != nil {
		t.Error(err)
	}
	checkRungsContinue(t, line, out, stdout)
}

// checkRungsContinue removes the last rung of a file, and continues after the others.
func checkRungsContinue(t *testing.T, line, out, stdout string) {
	t.Helper()
	arrays, err := dataset.ReadArrays(out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range arrays {
		a := &arrays[i]
		if a.Name == "manifest" {
			continue
		}
		a.F64 = a.F64[:a.Len()/3*2]
		a.Shape[0] = 2
	}
	again := filepath.Join(t.TempDir(), "g.npz")
	if err := dataset.WriteArrays(partialRungs(again), arrays, false); err != nil {
		t.Fatal(err)
	}
	second, stderr := mustRun(t, line+" --out "+again)
	if !strings.Contains(stderr, "continuing after 2 of 3 rungs") {
		t.Errorf("stderr %q", stderr)
	}
	seconds := func(text string) string { return text[:strings.Index(text, `"seconds"`)] }
	if seconds(second) != seconds(stdout) {
		t.Errorf("continued: %s\nuninterrupted: %s", second, stdout)
	}
	if err := dataset.WriteArrays(partialRungs(out), arrays, false); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, strings.Replace(line, "--seed 2", "--seed 3 --force", 1)+" --out "+out, "rungs of other settings")
}

// The free energy of a state, by chains and by a generator; and what is refused.
func TestFreeEnergyOfAState(t *testing.T) {
	stdout, _ := mustRun(t, "free-energy --system harmonic4x2 -n 500 --states rg-1")
	if !strings.Contains(stdout, "Markov chains") || !strings.Contains(stdout, "NOT CONFIRMED: 1 of 1 methods") {
		t.Errorf("stdout %q", stdout)
	}
	for line, want := range map[string]string{
		"--system dw4":                                         "give the other end",
		"--system dw4 --to kt=2 --states rg-1":                 "give the other end",
		"--system dw4 --to foo=1":                              "a, b, c, d0, kt",
		"--system dw4 --to kt":                                 "name=value",
		"--system dw4 --to-system lj13":                        "the same particles",
		"--system dw4 --to kt=2 --rungs 1":                     "--rungs 1",
		"--system dw4 --to kt=2 --out x.xyz":                   "name it .npz",
		"--system dw4 --states wrong(":                         "cannot be parsed",
		"--system dw4 --to kt=2 --model a --model b --model c": "one for each end",
	} {
		checkRefused(t, "free-energy "+line, want)
	}
}
