package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// smallModel saves an untrained model and returns its folder.
func smallModel(t *testing.T) string {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.DW4(), Flow: flow.Continuous{Steps: 2}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "model")
	if err := m.Save(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A job array draws shards, each of its tasks run twice, and merge makes one file and one figure of them.
func TestShardsOnTheCommandLine(t *testing.T) {
	model, folder := smallModel(t), t.TempDir()
	name := func(kind string, i int) string { return filepath.Join(folder, fmt.Sprintf("%s-%d.npz", kind, i)) }
	for _, i := range []int{0, 1, 2, 1} {
		before, _ := os.Stat(name("s", i))
		code, stdout, stderr := runCaptured("sample", "--model", model, "-n", "500", "--seed", "4", "--shard", fmt.Sprint(i, "/3"), "--out", name("s", i), "--backend", "go", "--json")
		var s sampled
		if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone || s.Shard != fmt.Sprint(i, "/3") || s.N < 166 || s.N > 167 {
			t.Fatalf("code %d, %v, %q, %s", code, err, stdout, stderr)
		}
		if after, err := os.Stat(name("s", i)); err != nil || before != nil && (!os.SameFile(before, after) || !strings.Contains(stderr, "is kept")) {
			t.Errorf("a shard that was there: %v, %q", err, stderr)
		}
	}
	whole := filepath.Join(folder, "whole.npz")
	code, stdout, stderr := runCaptured("merge", name("s", 2), name("s", 0), name("s", 1), "--out", whole, "--json")
	var s campaign.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone || s.N != 500 || s.Shards != 3 || len(s.Energies.Edges) != len(s.Energies.Density)+1 {
		t.Fatalf("code %d, %v, %q, %q", code, err, stdout, stderr)
	}
	if set, err := dataset.Read(whole, 4, 2); err != nil || set.Batch.Len() != 500 {
		t.Errorf("%v", err)
	}
	for i := range 2 {
		code, _, stderr := runCaptured("eval", "--model", model, "--data", whole, "--shard", fmt.Sprint(i, "/2"), "--out", name("e", i), "--backend", "go")
		if code != exitDone {
			t.Fatal(stderr)
		}
	}
	if code, stdout, stderr := runCaptured("merge", name("e", 0), name("e", 1)); code != exitDone || !strings.HasPrefix(stdout, "scores   500 of dw4 in 2 shards\ndensity  by the exact divergence\nNLL ") {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
	for want, line := range map[string]string{
		"1 of 3 are missing: 1":      "merge " + name("s", 0) + " " + name("s", 2),
		"it is of scores":            "merge " + name("s", 0) + " " + name("e", 0),
		"whole.npz exists":           "merge " + name("s", 0) + " --out " + whole,
		"name it .npz":               "merge " + name("s", 0) + " --out " + filepath.Join(folder, "x.xyz"),
		"give i/n":                   "sample --model " + model + " --shard 3/3 --out " + name("s", 3),
		"of seed 4, not 5":           "sample --model " + model + " -n 500 --seed 5 --shard 0/3 --backend go --out " + name("s", 0),
		"--shard i/n and --out FILE": "eval --model " + model + " --data " + whole + " --shard 0/2",
		"requires at least 1 arg":    "merge",
	} {
		if code, _, stderr := runCaptured(strings.Fields(line)...); code != exitInput || !strings.Contains(stderr, want) {
			t.Errorf("%s: code %d, %q, want %q", line, code, stderr, want)
		}
	}
}
