package magics_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/magics"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// TestMain is also the resident helper, with the arguments of one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "kernel" && os.Args[2] == "helper" {
		if err := resident.Run(func(string) (compute.Backend, error) { return gobackend.New("") }); err != nil {
			panic(err)
		}
		return
	}
	if err := os.Setenv(resident.EnvProgram, os.Args[0]); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// run runs a magic and returns its output as text.
func run(t *testing.T, cache, name string, args ...string) (string, error) {
	t.Helper()
	for _, m := range magics.All("/nowhere/eqflow", cache) {
		if m.Name == name {
			var out serve.Output
			err := m.Run(context.Background(), args, &out)
			return out.String(), err
		}
	}
	t.Fatalf("there is no magic %q", name)
	return "", nil
}

// trainModel trains a small generator of DW4 in a folder and keeps its evaluation there.
func trainModel(t *testing.T, folder string) evaluate.Report {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(), Flow: flow.Continuous{Field: dynamics.RadialBasis{Centres: 4, TimeCentres: 2}, Steps: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := mcmc.Equilibrium(context.Background(), target.DW4(), 16, mcmc.Auto, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := train.Settings{Steps: 4, Batch: 4, ValidateEvery: 1}
	training := train.Run{Folder: folder, Settings: settings}
	if _, err := m.Train(context.Background(), train.Data{Train: data}, training); err != nil {
		t.Fatal(err)
	}
	report, err := m.Evaluate(data, evaluate.Options{Samples: new(64)})
	if err == nil {
		err = eqflow.KeepReport(folder, report)
	}
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// contains reports whether text contains all parts.
func contains(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// A model below the working folder is listed, and shown with its evaluation.
func TestModels(t *testing.T) {
	t.Chdir(t.TempDir())
	if text, err := run(t, "", "models"); err != nil || !contains(text, "no trained models") {
		t.Errorf("in an empty folder: %q, %v", text, err)
	}
	report := trainModel(t, filepath.Join("deep", "model"))
	if text, err := run(t, "", "models"); err != nil || !contains(text, "deep/model", "dw4", "kernel") {
		t.Errorf("models shows %q, %v", text, err)
	}
	if text, err := run(t, "", "show", "model"); err != nil || !contains(text, "step 4 of 4") {
		t.Errorf("show by the last part of the path shows %q, %v", text, err)
	}
	text, err := run(t, "", "show", "deep/model")
	if err != nil || !contains(text, "step 4 of 4", report.Why) || strings.Count(text, "image/png") != 2 {
		t.Errorf("show shows %q, %v", text, err)
	}
	resident.Open("deep/model").Sample(2000, 1) // more than the evaluation drew
	card, err := eqflow.Describe("deep/model")
	if err != nil || card.Sampling == nil {
		t.Fatalf("no sampling on the card: %v", err)
	}
	ess := stats.Estimate{Value: 100 * card.Sampling.ESS.Value, Error: 100 * card.Sampling.ESS.Error}.String()
	if text, err := run(t, "", "models"); err != nil || !contains(text, ess) {
		t.Errorf("models shows %q without the ESS %s, %v", text, ess, err)
	}
	if _, err := run(t, "", "show", "nowhere"); err == nil {
		t.Error("a missing model is shown")
	}
}

// A model of a system that a notebook declared is shown with its samples, though the magic's
// process does not know the energy.
func TestShowOfADeclaredSystem(t *testing.T) {
	t.Chdir(t.TempDir())
	spec := target.Spec{Kind: target.KindOwn, Own: "declared", N: 3, D: 2}
	if err := target.RegisterPlaceholder(spec); err != nil {
		t.Fatal(err)
	}
	system, err := target.FromSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: system, Flow: flow.Continuous{Field: dynamics.RadialBasis{Centres: 4, TimeCentres: 2}, Steps: 2},
	})
	if err == nil {
		err = m.Save("model")
	}
	if err != nil {
		t.Fatal(err)
	}
	spec.N = 4 // the process of the magic knows no such system of three particles
	if err := target.RegisterPlaceholder(spec); err != nil {
		t.Fatal(err)
	}
	if text, err := run(t, "", "show", "model"); err != nil || strings.Count(text, "image/png") != 1 {
		t.Errorf("show shows %q, %v", text, err)
	}
}

// clean lists the cache, removes it with --yes, and leaves the parts that a kernel runs on and
// XLA's plugin.
func TestClean(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"bench", "pjrt", "bin", "gonb-v1-abc", "live-1", "lab", "build"} {
		if err := os.MkdirAll(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "bench", "numbers"), make([]byte, 2_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := run(t, cache, "clean")
	if err != nil || !contains(text, "2.0 MB  bench") || contains(text, "bin") || contains(text, " pjrt") {
		t.Errorf("clean prints %q, %v", text, err)
	}
	if _, err := run(t, cache, "clean", "--all"); err == nil {
		t.Error("an unknown argument is accepted")
	}
	if _, err := run(t, cache, "clean", "--yes"); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 6 || left[0].Name() != "bin" {
		t.Errorf("left %v, %v", left, err)
	}
}

// clean lists the sessions of the working folder, and removes a named session with --yes.
func TestCleanOfSessions(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(session.EnvOut, "")
	session.Open("mine").Put("numbers", []int{1})
	session.Open("other").Put("numbers", []int{1})
	if text, err := run(t, t.TempDir(), "clean", "--yes"); err != nil || !strings.Contains(text, "session mine") {
		t.Errorf("clean prints %q, %v", text, err)
	}
	if text, err := run(t, "", "clean", "mine"); err != nil || !strings.Contains(text, "--yes") {
		t.Errorf("clean of a session prints %q, %v", text, err)
	}
	if got := session.Get[[]int](session.Open("mine"), "numbers"); len(got) != 1 {
		t.Error("the session was removed without --yes")
	}
	if _, err := run(t, "", "clean", "mine", "--yes"); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(session.Root()); err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := run(t, "", "clean", "..", "--yes"); err == nil {
		t.Error("a folder that is no session was removed")
	}
}

func TestBackendNeedsTheProgram(t *testing.T) {
	if _, err := run(t, "", "backend", "cpu", "go"); err == nil {
		t.Error("two backends are accepted")
	}
	if _, err := run(t, "", "backend", "cpu"); err == nil {
		t.Error("no error though the program is missing")
	}
	if text, err := run(t, "", "gpu"); err != nil || text == "" {
		t.Errorf("gpu prints %q, %v", text, err)
	}
}

// A chain is filmed by the name of its system. Other names and seeds are refused in words.
func TestFilm(t *testing.T) {
	text, err := run(t, "", "film", "dw4", "3")
	if err != nil || !strings.Contains(text, "[text/html]") || !strings.Contains(text, "A Metropolis chain of DW4") {
		t.Errorf("%v: %s", err, text)
	}
	for want, args := range map[string][]string{
		"name a system": nil, "nosuch": {"nosuch"}, `the seed "x"`: {"dw4", "x"},
	} {
		if _, err := run(t, "", "film", args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
