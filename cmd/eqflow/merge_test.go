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
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(), Flow: flow.Continuous{Steps: 2}, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "model")
	if err := m.Save(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A job array draws three shards, of which one runs twice. Their merged file has all samples and
// the figures of the whole.
func TestSampleShards(t *testing.T) {
	model, folder := smallModel(t), t.TempDir()
	shards := shardNames(folder, 3)
	draw := "sample --model " + model + " -n 500 --seed 4 --backend go --json --out "
	for i, path := range shards {
		stdout, _ := mustRun(t, fmt.Sprintf("%s %s --shard %d/3", draw, path, i))
		var s sampled
		if err := json.Unmarshal([]byte(stdout), &s); err != nil {
			t.Fatal(err)
		}
		if s.Shard != fmt.Sprint(i, "/3") || s.N < 166 || s.N > 167 {
			t.Errorf("shard %s has %d samples", s.Shard, s.N)
		}
	}
	checkKept(t, draw+shards[1]+" --shard 1/3", shards[1])

	whole := filepath.Join(folder, "whole.npz")
	stdout, _ := mustRun(t, "merge --json --out "+whole+" "+shards[2]+" "+shards[0]+" "+shards[1])
	var s campaign.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.N != 500 || s.Shards != 3 || len(s.Energies.Edges) != len(s.Energies.Density)+1 {
		t.Errorf("the summary is %+v", s)
	}
	if set, err := dataset.Read(whole, 4, 2); err != nil || set.Batch.Len() != 500 {
		t.Errorf("%d configurations, %v", set.Batch.Len(), err)
	}
	for want, line := range map[string]string{
		"1 of 3 are missing: 1":   "merge " + shards[0] + " " + shards[2],
		"whole.npz exists":        "merge " + shards[0] + " --out " + whole,
		"name it .npz":            "merge " + shards[0] + " --out " + filepath.Join(folder, "x.xyz"),
		"give i/n":                "sample --model " + model + " --shard 3/3 --out " + shards[0],
		"of seed 4, not 5":        draw + shards[0] + " --shard 0/3 --seed 5",
		"requires at least 1 arg": "merge",
	} {
		checkRefused(t, line, want)
	}
}

// Two shards of scores merge to a verdict, and do not merge with samples.
func TestScoreShards(t *testing.T) {
	model, folder := smallModel(t), t.TempDir()
	samples, shards := filepath.Join(folder, "samples.npz"), shardNames(folder, 2)
	mustRun(t, "sample --model "+model+" -n 500 --seed 4 --backend go --shard 0/1 --out "+samples)
	score := "eval --model " + model + " --data " + samples + " --backend go"
	for i, path := range shards {
		mustRun(t, fmt.Sprintf("%s --shard %d/2 --out %s", score, i, path))
	}
	stdout, _ := mustRun(t, "merge "+shards[0]+" "+shards[1])
	want := "scores   500 of dw4 in 2 shards\ndensity  by the exact divergence\nNLL "
	if !strings.HasPrefix(stdout, want) {
		t.Errorf("merge prints %q", stdout)
	}
	checkRefused(t, "merge "+samples+" "+shards[0], "it is of scores")
	checkRefused(t, score+" --shard 0/2", "--shard i/n and --out FILE")
}

// shardNames are names of n files in a folder.
func shardNames(folder string, n int) (names []string) {
	for i := range n {
		names = append(names, filepath.Join(folder, fmt.Sprintf("shard-%d.npz", i)))
	}
	return names
}

// checkKept runs a command line whose shard exists already. The file must stay.
func checkKept(t *testing.T, line, path string) {
	t.Helper()
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	_, stderr := mustRun(t, line)
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || !strings.Contains(stderr, "is kept") {
		t.Errorf("an existing shard: %v, %q", err, stderr)
	}
}
