//go:build fronts

package fronts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/internal/venv"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
)

// python is the environment of the front ends.
var python = venv.Spec{
	Name: "fronts", What: "Jupyter's front ends", Effort: "a minute or so",
	Requirements: []string{
		"jupyter_client==8.10.0", "jupyter_kernel_test==0.7.0", "jupyter-console==6.6.3", "ipykernel==7.4.0",
		"nbclient==0.11.0", "nbconvert==7.17.2", "papermill==2.7.0", "pexpect==4.9.0",
	},
}

// bench is shared by all tests.
var bench struct {
	root   string // of the clone
	python string // the program
	data   string // Jupyter's folder, with the kernel's specification
}

func TestMain(m *testing.M) {
	code, err := withBench(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withBench prepares the front ends and a kernel of this clone, runs the tests and removes the
// kernel.
func withBench(run func() int) (int, error) {
	ctx := context.Background()
	cache, err := gonb.CacheFolder()
	if err != nil {
		return 1, err
	}
	folder := filepath.Join(cache, "fronts")
	report := func(text string) { fmt.Fprintln(os.Stderr, "fronts:", text) }
	if err := python.Prepare(ctx, folder, report); err != nil {
		return 1, err
	}
	bench.python = filepath.Join(folder, "bin", "python")
	if bench.data, err = os.MkdirTemp("", "eqflow-fronts-"); err != nil {
		return 1, err
	}
	defer os.RemoveAll(bench.data)
	if err := install(ctx); err != nil {
		return 1, err
	}
	return run(), nil
}

// install installs a kernel of this clone in the folder of the tests alone.
func install(ctx context.Context) (err error) {
	if bench.root, err = gonb.FindRoot("."); err != nil {
		return err
	}
	tools, err := gonb.BuildToolchain(ctx, bench.root, "")
	if err != nil {
		return err
	}
	binary := filepath.Join(bench.data, "eqflow")
	if _, err := gonb.GoCommand(ctx, bench.root, "build", "-o", binary, "./cmd/eqflow"); err != nil {
		return err
	}
	if err := os.Setenv("JUPYTER_DATA_DIR", bench.data); err != nil {
		return err
	}
	_, err = serve.Installation{Binary: binary, Root: bench.root, Tools: tools}.Install()
	if err != nil {
		return err
	}
	return serve.Warm(ctx, tools, bench.root)
}

// script runs a script of testdata in a folder of its own, and returns what it prints to the two
// outputs.
func script(t *testing.T, name string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var out, aside bytes.Buffer
	cmd := exec.Command(bench.python, path)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &out, &aside
	err = cmd.Run()
	return out.String(), aside.String(), err
}
