package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestMeasure(t *testing.T) {
	folder := t.TempDir()
	files := []string{filepath.Join(folder, "a.npz"), filepath.Join(folder, "b.npy")}
	for k, path := range files {
		mustRun(t, fmt.Sprintf("mcmc --system dw4 -n 300 --seed %d --burn 2000 --out %s", k+1, path))
	}
	variable := "k = count(distances, # > 4)"
	code, stdout, stderr := runCaptured("measure", files[0], "--data", files[1], "--cv", variable, "--json")
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
	// Two runs of one sampler with 300 configurations have an energy-W2 of about 0.3.
	if got.EnergyW2 > 1 || got.W2 < 0.2 || got.W2 > 1 {
		t.Errorf("the distances are %+v", got)
	}
	if got.Compared != 300 || got.W2Floor != nil || len(got.FreeEnergies) != 1 {
		t.Errorf("%+v", got)
	}
	if stdout, _ := mustRun(t, "measure "+files[1]+" --data "+files[0]); !strings.Contains(stdout, "energy-W2") {
		t.Errorf("the table is %q", stdout)
	}
	checkRefused(t, "measure "+files[1]+" --data "+files[1], "--system")
	checkRefused(t, "measure "+files[0]+" --data "+files[0]+" --system lj13", "another system")
}
