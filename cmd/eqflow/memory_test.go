package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Counts that no memory holds are refused before the work, as wrong input, with a number that fits:
// also those whose bytes overflow an int.
func TestHugeCountsAreRefused(t *testing.T) {
	for _, n := range []int{1e11, 2305843009213693953, math.MaxInt} {
		err := checkMemory("samples", n, 30, "")
		if err == nil || exitCode(err) != exitInput || !strings.Contains(err.Error(), "ask for at most ") {
			t.Errorf("%d: %v", n, err)
		}
		out := filepath.Join(t.TempDir(), "x.npz")
		err = checkDisk("samples", n, 30, out, out)
		if err == nil || exitCode(err) != exitInput || !strings.Contains(err.Error(), "ask for at most ") {
			t.Errorf("%d on the disk: %v", n, err)
		}
		code, _, stderr := runCaptured("mcmc", "--system", "dw4", "-n", fmt.Sprint(n), "--out", out)
		if code != exitInput || !strings.Contains(stderr, "memory") {
			t.Errorf("mcmc -n %d: code %d, %s", n, code, stderr)
		}
	}
	if err := checkMemory("samples", 1000, 30, ""); err != nil {
		t.Error(err)
	}
}

// The limit of the process's own control group counts, and those of the groups above it, as of a
// task of a batch system and of its job. A path that a container does not see is passed over.
func TestGroupLimit(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"job/memory.max": "8000", "job/memory.current": "3000", "job/memory.stat": "anon 1\ninactive_file 500\n",
		"job/task/memory.max": "max", "memory/step/memory.limit_in_bytes": "900",
		"memory/step/memory.usage_in_bytes": "100",
	} {
		path := filepath.Join(root, "sys/fs/cgroup", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for groups, want := range map[string]float64{
		"0::/job/task\n": 5500, "0::/job/unseen/task\n": 5500, "0::/\n": math.Inf(1), "": math.Inf(1),
		"5:cpu,memory:/step\n0::/\n": 800, "5:cpu:/step\n": math.Inf(1),
	} {
		if got := groupLimit(groups, root); got != want {
			t.Errorf("%q leaves %g, want %g", groups, got, want)
		}
	}
}
