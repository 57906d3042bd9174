// Package lab sets JupyterLab up in a Python environment of its own, and runs it over a folder of notebooks.
package lab

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/internal/venv"
)

// Environment is a Python environment with JupyterLab.
type Environment struct {
	Prefix string // its folder, which kernels are installed below
}

// Jupyter is the path of its jupyter program.
func (e Environment) Jupyter() string { return filepath.Join(e.Prefix, "bin", "jupyter") }

// overrides are JupyterLab's settings here: no question about news over the first notebook.
const overrides = `{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
`

// requirements are what pip installs; the pins are those that the kernel is tested with, and the container's.
var requirements = []string{"jupyterlab==4.6.2", "nbconvert==7.17.2"}

var python = venv.Spec{
	Name: "lab", What: "JupyterLab", Effort: "a minute or so", Requirements: requirements,
	Finish: func(prefix string) error {
		settings := filepath.Join(prefix, "share", "jupyter", "lab", "settings")
		return errors.Join(os.MkdirAll(settings, 0o755), os.WriteFile(filepath.Join(settings, "overrides.json"), []byte(overrides), 0o644))
	},
}

// Prepare makes the environment in a folder, unless it is there. It needs python3 with venv, and pip's index the first time;
// tell hears what takes long.
func Prepare(ctx context.Context, folder string, tell func(text string)) (Environment, error) {
	return Environment{Prefix: folder}, python.Prepare(ctx, folder, tell)
}
