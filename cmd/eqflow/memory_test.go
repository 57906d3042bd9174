package main

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// Counts that no memory holds are refused before the work, as wrong input, with a number that fits:
// also those whose bytes overflow an int.
func TestHugeCountsAreRefused(t *testing.T) {
	for _, n := range []int{1e11, 2305843009213693953, math.MaxInt} {
		err := checkMemory("samples", n, 30, inShards)
		if err == nil || exitCode(err) != exitInput || !strings.Contains(err.Error(), "ask for at most ") {
			t.Errorf("%d: %v", n, err)
		}
		out := filepath.Join(t.TempDir(), "x.npz")
		code, _, stderr := runCaptured("mcmc", "--system", "dw4", "-n", fmt.Sprint(n), "--out", out)
		if code != exitInput || !strings.Contains(stderr, "memory") {
			t.Errorf("mcmc -n %d: code %d, %s", n, code, stderr)
		}
	}
	if err := checkMemory("samples", 1000, 30, ""); err != nil {
		t.Error(err)
	}
}
