package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// Sizes that no machine has are refused as wrong input, in one line, before the work.
func TestSizesAreBounded(t *testing.T) {
	data, _ := equilibrium(t)
	out := filepath.Join(t.TempDir(), "x.npz")
	draws := "train --system dw4 --flow egnn --out " + out + "-model --backend go --objective "
	for _, size := range []string{"1000000000000", "2305843009213693953", "9223372036854775807"} {
		for line, want := range map[string]string{
			"mcmc --system dw4 --out " + out + " -n " + size:                                 "at most",
			"mcmc --system dw4 --out " + out + " --burn " + size:                             "steps of all chains",
			"mcmc --system dw4 --out " + out + " --thin " + size:                             "steps of all chains",
			"train --system dw4 --out " + out + "-model --data " + data + " --batch " + size: "ask for at most",
			draws + "annealed --draws " + size:                                               "ask for at most",
			draws + "energy-matching --probes " + size:                                       "ask for at most",
			"sample --model m --out " + out + " --devices " + size:                           "no backend has more",
			"eval --model m --data " + data + " --samples -" + size:                          "give 0 for none",
			"eval --model m --data " + data + " --compare -" + size:                          "give 0 for none",
		} {
			if stderr := checkRefused(t, line, want); strings.Count(stderr, "\n") != 1 {
				t.Errorf("%q: stderr %q is not one line", line, stderr)
			}
		}
	}
}

// Outputs that cannot be written are refused before the work.
func TestOutputsAreCheckedFirst(t *testing.T) {
	folder := t.TempDir()
	loop, pipe := filepath.Join(folder, "loop.npz"), filepath.Join(folder, "pipe.npz")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "folder.npz"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"loop.npz": "give another name", "pipe.npz": "is not a regular file", "folder.npz": "is a folder",
		strings.Repeat("a", 260) + ".npz": "give another name",
		"none/x.npz":                      "its folder does not exist", "x.txt": "name it",
	} {
		checkRefused(t, "mcmc --system dw4 -n 5 --force --out "+filepath.Join(folder, name), want)
	}
	checkRefused(t, "mcmc --system dw4 -n 5 --out /proc/x.npz", "cannot be written")
	began := time.Now()
	checkRefused(t, "mcmc --spec "+pipe+" -n 5 --out "+filepath.Join(folder, "x.npz"), "describes no system")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a pipe that nobody writes into is waited for %s", took)
	}
	sample := "sample --backend go --out " + filepath.Join(folder, "x.npz") + " --model "
	checkRefused(t, sample+pipe, "is a file; name the folder")
	checkRefused(t, sample+"nosuch", "nosuch holds no model:")
	data, _ := equilibrium(t)
	checkRefused(t, "train --backend go --system dw4 --steps 2 --data "+data+" --out "+pipe, "give another one")
}

// At a temperature at which no chain comes to equilibrium, the virial says so, and the command
// fails; what it prints is JSON all the same.
func TestVirialFarFromExactFails(t *testing.T) {
	for _, kT := range []string{"1e300", "1e-300"} {
		line := "mcmc --system lj13 -n 5 --burn 200 --thin 20 --json --force --out " +
			filepath.Join(t.TempDir(), "x.npz")
		code, stdout, stderr := runCaptured(strings.Fields(line + " --kt " + kT)...)
		if code != exitFailed || !strings.Contains(stderr, "not in equilibrium") || !strings.HasPrefix(stdout, "{") {
			t.Errorf("kT %s: code %d, stdout %q, stderr %q", kT, code, stdout, stderr)
		}
	}
}

// One configuration has no known error of the NLL, and no verdict.
func TestOneConfigurationHasNoError(t *testing.T) {
	folder := t.TempDir()
	data, x := equilibrium(t)
	one := arraysFile(t, x.Slice(0, 1), dataset.Float64("u", []float64{0}))
	mustRun(t, fmt.Sprintf("train --backend go --system dw4 --steps 2 --batch 16 --data %s --out %s/m", data, folder))
	stdout, _ := mustRun(t, fmt.Sprintf("eval --backend go --model %s/m --samples 0 --data %s", folder, one))
	if strings.Contains(stdout, "±") || !strings.Contains(stdout, "NOT TRUSTWORTHY: the NLL of one configuration") {
		t.Errorf("stdout is %q", stdout)
	}
}
