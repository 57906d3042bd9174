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

// residentVariable names the file that a resident helper writes its process number into.
const residentVariable = "EQFLOW_TEST_RESIDENT"

// program stands for the eqflow program that a kernel starts as its resident helper. It is the test
// program itself (TestMain).
var program = os.Args[0]

// TestMain is also the resident helper, with the arguments of one.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "kernel" || os.Args[2] != "helper" {
		os.Exit(m.Run())
	}
	if file := os.Getenv(residentVariable); file != "" {
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

// saveModel saves an untrained generator of DW4 in a folder.
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

// A cell draws from a model through the kernel's resident helper, also after that helper was
// killed.
func TestCellsAskTheHelper(t *testing.T) {
	folder := t.TempDir()
	pidFile := filepath.Join(folder, "pid")
	small := flow.Continuous{Field: dynamics.RadialBasis{Centres: 4, TimeCentres: 2}, Steps: 2}
	saveModel(t, filepath.Join(folder, "eqBG"), small)
	t.Setenv("EQFLOW_BACKEND", xla.Go)
	t.Setenv(residentVariable, pidFile)
	k := serve(t, "")
	ask := fmt.Sprintf("%%%%\nfmt.Print(resident.Open(%q).Sample(3, 1).X.Len())", filepath.Join(folder, "eqBG"))
	for _, cell := range []string{ask, "!kill -KILL $(cat " + pidFile + ")\n" + ask} {
		if got, _, failure := k.cell(t, cell); got != "3" {
			t.Errorf("%s\nshows %q, %s", cell, got, failure)
		}
	}
}
