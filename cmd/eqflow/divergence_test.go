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

// mlpModel saves an untrained model whose divergence can be estimated.
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
			checkRefused(t, fmt.Sprintf("%s --model %s %s", command, model, flags), want)
		}
	}
	line := fmt.Sprintf("sample --out %s --model %s --divergence hutchinson --probes 2", out, kernel)
	checkRefused(t, line, "exact at next to no cost")
}

// Output, file and merged shards show the choice of the divergence. A shard with another choice is
// refused.
func TestDivergenceShows(t *testing.T) {
	t.Setenv(xla.EnvBackend, xla.Go)
	model, folder := mlpModel(t), t.TempDir()
	succeed := func(line string) string {
		stdout, _ := mustRun(t, line)
		return stdout
	}
	const phrase = "by Hutchinson's estimate of the divergence with 3 probes"
	estimated := " -n 40 --model " + model + " --divergence hutchinson --probes 3 --out " + folder
	if text := succeed("sample" + estimated + "/s.npz"); !strings.Contains(text, "density  "+phrase+": log q ±") {
		t.Error(text)
	}
	if settings := checkErrors(t, filepath.Join(folder, "s.npz")); !strings.Contains(settings, `"probes":3`) {
		t.Errorf("settings %s", settings)
	}
	text := succeed("eval --json --samples 50 --compare 0 --divergence hutchinson --probes 3 --model " + model +
		" --data " + folder + "/s.npz")
	var report evaluate.Report
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if report.Divergence != engine.Hutchinson || report.Probes != 3 {
		t.Errorf("the report's divergence is %+v", report.Method)
	}
	if !(report.LogQError > 0) || math.IsNaN(report.Inflation) {
		t.Errorf("the report's noise is %+v", report.Noise)
	}
	if text := succeed("compare " + model); !strings.Contains(text, "mlp, divergence from 3 probes") {
		t.Error(text)
	}
	for i := range 2 {
		succeed(fmt.Sprintf("sample%s/shard-%d.npz --shard %d/2", estimated, i, i))
	}
	shards := folder + "/shard-0.npz " + folder + "/shard-1.npz"
	text = succeed("merge " + shards + " --out " + folder + "/whole.npz")
	if !strings.Contains(text, phrase+": log q ±") {
		t.Error(text)
	}
	checkErrors(t, filepath.Join(folder, "whole.npz"))
	succeed("sample --force -n 40 --model " + model + " --shard 0/2 --out " + folder + "/shard-0.npz")
	checkRefused(t, "merge "+shards, phrase+", not by the exact divergence")
}

// checkErrors checks that a file has the errors of 40 log-densities. It returns the settings in the
// file's manifest.
func checkErrors(t *testing.T, path string) (settings string) {
	t.Helper()
	set, err := dataset.Read(path, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	if errors, ok := set.Arrays.Get("log_q_error"); !ok || errors.Len() != 40 {
		t.Errorf("%s lacks the errors of log q", path)
	}
	return string(set.Manifest.Settings)
}
