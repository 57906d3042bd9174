package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasure(t *testing.T) {
	folder := t.TempDir()
	files := []string{filepath.Join(folder, "a.npz"), filepath.Join(folder, "b.npy")}
	for k, path := range files {
		if _, err := runMcmc(t.Context(), "--system", "dw4", "-n", "300", "--seed", []string{"1", "2"}[k], "--burn", "2000", "--out", path); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := runCaptured("measure", files[0], "--data", files[1], "--cv", "k = count(distances, # > 4)", "--json")
	var got struct {
		Compared     int `json:"compared"`
		W2           float64
		EnergyW2     float64 `json:"energy_w2"`
		W2Floor      *float64
		FreeEnergies []any `json:"free_energies"`
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitDone {
		t.Fatalf("code %d, %v, %q", code, err, stderr)
	}
	// Two runs of one sampler: 300 configurations have an energy-W2 of 0.3 or so.
	if got.Compared != 300 || got.EnergyW2 > 1 || got.W2 < 0.2 || got.W2 > 1 || got.W2Floor != nil || len(got.FreeEnergies) != 1 {
		t.Errorf("%+v", got)
	}
	if code, stdout, _ := runCaptured("measure", files[1], "--data", files[0]); code != exitDone || !strings.Contains(stdout, "energy-W2") {
		t.Errorf("the table: code %d, %q", code, stdout)
	}
	if code, _, stderr := runCaptured("measure", files[1], "--data", files[1]); code != exitInput || !strings.Contains(stderr, "--system") {
		t.Errorf("files without a system: code %d, %q", code, stderr)
	}
	if code, _, _ := runCaptured("measure", files[0], "--data", files[0], "--system", "lj13"); code != exitInput {
		t.Errorf("another system: code %d", code)
	}
}
