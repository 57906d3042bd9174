package magics_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/gobackend"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/magics"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// TestMain is the resident helper too, where show asks for it.
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

// run calls a magic, and returns everything that it says.
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

// A model that was trained below the notebook's folder is listed, offered for completion, and shown with its judgement.
func TestModels(t *testing.T) {
	t.Chdir(t.TempDir())
	if said, err := run(t, "", "models"); err != nil || !strings.Contains(said, "no trained models") {
		t.Errorf("in an empty folder: %q, %v", said, err)
	}
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(), Flow: flow.Continuous{Field: dynamics.Kernel{Centres: 4, TimeCentres: 2}, Steps: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	data, _, err := mcmc.Equilibrium(context.Background(), target.DW4(), 16, mcmc.Auto, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("deep", "model")
	if _, err := m.Train(context.Background(), eqflow.Data{Train: data}, eqflow.Run{Folder: folder, Settings: eqflow.Settings{Steps: 4, Batch: 4, ValidateEvery: 1}}); err != nil {
		t.Fatal(err)
	}
	report, err := m.Evaluate(data, eqflow.Evaluation{Samples: 64})
	if err != nil {
		t.Fatal(err)
	}
	if err := eqflow.KeepReport(folder, report); err != nil {
		t.Fatal(err)
	}
	if said, err := run(t, "", "models"); err != nil || !strings.Contains(said, "deep/model") || !strings.Contains(said, "dw4") || !strings.Contains(said, "kernel") {
		t.Errorf("models says %q, %v", said, err)
	}
	if byName, err := run(t, "", "show", "model"); err != nil || !strings.Contains(byName, "step 4 of 4") {
		t.Errorf("show by the last part of its name says %q, %v", byName, err)
	}
	said, err := run(t, "", "show", "deep/model")
	if err != nil || !strings.Contains(said, "step 4 of 4") || !strings.Contains(said, report.Why) || strings.Count(said, "image/png") != 2 {
		t.Errorf("show says %q, %v", said, err)
	}
	if _, err := run(t, "", "show", "nowhere"); err == nil {
		t.Error("a model that is not there is shown")
	}
}

// clean says what it would remove, removes it when told to, and leaves what a kernel runs on.
func TestClean(t *testing.T) {
	cache := t.TempDir()
	for _, name := range []string{"pjrt", "bin", "gonb-v1-abc"} {
		if err := os.MkdirAll(filepath.Join(cache, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "pjrt", "plugin.so"), make([]byte, 2_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := run(t, cache, "clean"); err != nil || !strings.Contains(said, "2.0 MB  pjrt") || strings.Contains(said, "bin") {
		t.Errorf("clean says %q, %v", said, err)
	}
	if _, err := run(t, cache, "clean", "--all"); err == nil {
		t.Error("an unknown argument is taken")
	}
	if _, err := run(t, cache, "clean", "--yes"); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 2 {
		t.Errorf("left %v, %v", left, err)
	}
}

// clean names the sessions of the notebook's folder, and removes the one that it is told to.
func TestCleanOfSessions(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(session.EnvOut, "")
	session.Open("mine").Put("numbers", []int{1})
	session.Open("other").Put("numbers", []int{1})
	if said, err := run(t, t.TempDir(), "clean", "--yes"); err != nil || !strings.Contains(said, "session mine") {
		t.Errorf("clean says %q, %v", said, err)
	}
	if said, err := run(t, "", "clean", "mine"); err != nil || !strings.Contains(said, "--yes") {
		t.Errorf("clean of a session says %q, %v", said, err)
	}
	if got := session.Get[[]int](session.Open("mine"), "numbers"); len(got) != 1 {
		t.Error("it was removed unasked")
	}
	if _, err := run(t, "", "clean", "mine", "--yes"); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(session.Root()); err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := run(t, "", "clean", "..", "--yes"); err == nil {
		t.Error("what is no session was removed")
	}
}

func TestBackendNeedsTheProgram(t *testing.T) {
	if _, err := run(t, "", "backend", "cpu", "go"); err == nil {
		t.Error("two backends are taken")
	}
	if _, err := run(t, "", "backend", "cpu"); err == nil {
		t.Error("no error though the program is missing")
	}
	if said, err := run(t, "", "gpu"); err != nil || said == "" {
		t.Errorf("gpu says %q, %v", said, err)
	}
}
