package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// mlpModel keeps an untrained model whose divergence can be estimated.
func mlpModel(t *testing.T) (folder string) {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(), Flow: flow.Continuous{Field: dynamics.MLP{Hidden: 8}, Steps: 2}, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := m.Save(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestWrongDivergences(t *testing.T) {
	t.Setenv(xla.EnvBackend, xla.Go)
	model, kernel, out := mlpModel(t), smallModel(t), filepath.Join(t.TempDir(), "s.npz")
	for flags, want := range map[string]string{
		"--divergence skilling":              "give exact or hutchinson",
		"--probes 4":                         "goes with --divergence hutchinson",
		"--divergence exact --probes 4":      "goes with --divergence hutchinson",
		"--divergence hutchinson --probes 0": "give at least 1",
		"--divergence hutchinson":            "16 probes are no fewer than the 6 directions",
	} {
		for _, command := range []string{"sample --out " + out, "eval --data " + out} {
			line := fmt.Sprintf("%s --model %s %s", command, model, flags)
			if code, stdout, stderr := runCaptured(strings.Fields(line)...); code != exitInput || stdout != "" || !strings.Contains(stderr, want) {
				t.Errorf("%s: code %d, stdout %q, stderr %q, want %q", line, code, stdout, stderr, want)
			}
		}
	}
	line := fmt.Sprintf("sample --out %s --model %s --divergence hutchinson --probes 2", out, kernel)
	if code, _, stderr := runCaptured(strings.Fields(line)...); code != exitInput || !strings.Contains(stderr, "exact at next to no cost") {
		t.Errorf("%s: code %d, %q", line, code, stderr)
	}
}

// The choice shows in what is printed, in the file, and in what two shards make together; a shard of another choice is refused.
func TestDivergenceShows(t *testing.T) {
	t.Setenv(xla.EnvBackend, xla.Go)
	model, folder := mlpModel(t), t.TempDir()
	succeed := func(line string) string {
		code, stdout, stderr := runCaptured(strings.Fields(line)...)
		if code != exitDone {
			t.Fatalf("%s: code %d, %s", line, code, stderr)
		}
		return stdout
	}
	estimated := " -n 40 --model " + model + " --divergence hutchinson --probes 3 --out " + folder
	if text := succeed("sample" + estimated + "/s.npz"); !strings.Contains(text, "density  by Hutchinson's estimate of the divergence with 3 probes: log q ±") {
		t.Error(text)
	}
	set, err := dataset.Read(filepath.Join(folder, "s.npz"), 4, 2)
	if errors, ok := set.Arrays.Get("log_q_error"); err != nil || !ok || errors.Len() != 40 || !strings.Contains(string(set.Manifest.Settings), `"probes":3`) {
		t.Errorf("%v, settings %s", err, set.Manifest.Settings)
	}
	var report evaluate.Report
	if err := json.Unmarshal([]byte(succeed("eval --json --samples 50 --compare 0 --divergence hutchinson --probes 3 --model "+model+" --data "+folder+"/s.npz")), &report); err != nil {
		t.Fatal(err)
	}
	if report.Divergence != engine.Hutchinson || report.Probes != 3 || !(report.LogQError > 0) || math.IsNaN(report.Inflation) {
		t.Errorf("%+v, %+v", report.Method, report.Noise)
	}
	if text := succeed("compare " + model); !strings.Contains(text, "mlp, divergence from 3 probes") {
		t.Error(text)
	}
	for i := range 2 {
		succeed(fmt.Sprintf("sample%s/shard-%d.npz --shard %d/2", estimated, i, i))
	}
	shards := folder + "/shard-0.npz " + folder + "/shard-1.npz"
	text := succeed("merge " + shards + " --out " + folder + "/whole.npz")
	whole, err := dataset.Read(filepath.Join(folder, "whole.npz"), 4, 2)
	if errors, ok := whole.Arrays.Get("log_q_error"); err != nil || !ok || errors.Len() != 40 || !strings.Contains(text, "with 3 probes: log q ±") {
		t.Errorf("%v: %s", err, text)
	}
	line := "sample --force -n 40 --model " + model + " --shard 0/2 --out " + folder + "/shard-0.npz"
	succeed(line)
	if code, _, stderr := runCaptured(strings.Fields("merge " + shards)...); code != exitInput || !strings.Contains(stderr, "by Hutchinson's estimate of the divergence with 3 probes, not by the exact divergence") {
		t.Errorf("code %d, %s", code, stderr)
	}
}
