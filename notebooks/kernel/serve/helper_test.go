package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// helperVariable names the file that a helper writes its process number into.
const helperVariable = "EQFLOW_TEST_HELPER"

// program stands for eqflow where a kernel starts its helper: the tests' own, see TestMain.
var program = os.Args[0]

// TestMain is the resident helper too, where it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "kernel" || os.Args[2] != "helper" {
		os.Exit(m.Run())
	}
	if file := os.Getenv(helperVariable); file != "" {
		if err := os.WriteFile(file, fmt.Append(nil, os.Getpid()), 0o600); err != nil {
			panic(err)
		}
	}
	err := resident.Run(func(spec string) (compute.Backend, error) {
		opened, err := xla.Open(spec)
		if err != nil {
			return nil, err
		}
		return opened.Backend, nil
	})
	if err != nil {
		panic(err)
	}
}

// saveModel puts an untrained generator of DW4 into a folder.
func saveModel(t testing.TB, folder string, f flow.Config) {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.DW4(), Flow: f})
	if err == nil {
		err = m.Save(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A cell asks the kernel's helper for what a model draws, also after the helper was killed.
func TestCellsAskTheHelper(t *testing.T) {
	folder := t.TempDir()
	saveModel(t, filepath.Join(folder, "eqBG"), flow.Continuous{Field: dynamics.Kernel{Centres: 4, TimeCentres: 2}, Steps: 2})
	t.Setenv("EQFLOW_BACKEND", xla.Go)
	t.Setenv(helperVariable, filepath.Join(folder, "helper"))
	k := serve(t, "")
	ask := fmt.Sprintf("%%%%\nfmt.Print(resident.Open(%q).Sample(3, 1).X.Len())", filepath.Join(folder, "eqBG"))
	for _, cell := range []string{ask, "!kill -KILL $(cat " + filepath.Join(folder, "helper") + ")\n" + ask} {
		if got, _, failure := k.cell(t, cell); got != "3" {
			t.Errorf("%s\nshows %q, %s", cell, got, failure)
		}
	}
}
