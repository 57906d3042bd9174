// Package lab installs JupyterLab in a Python environment of its own (environment.go), and runs it
// over a folder of notebooks (server.go).
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

// Jupyter returns the path of the environment's jupyter program.
func (e Environment) Jupyter() string { return filepath.Join(e.Prefix, "bin", "jupyter") }

// overrides are JupyterLab's settings: no question about news in front of the first notebook.
const overrides = `{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
`

// requirements are the packages that pip installs. The kernel is tested with these versions, and
// the container has them too.
var requirements = []string{"jupyterlab==4.6.2", "nbconvert==7.17.2"}

var python = venv.Spec{
	Name: "lab", What: "JupyterLab", Effort: "a minute or so", Requirements: requirements,
	Finish: func(prefix string) error {
		settings := filepath.Join(prefix, "share", "jupyter", "lab", "settings")
		return errors.Join(os.MkdirAll(settings, 0o755),
			os.WriteFile(filepath.Join(settings, "overrides.json"), []byte(overrides), 0o644))
	},
}

// Prepare makes the environment in a folder, unless it exists. The first time it needs python3 with
// venv, and pip's index. report is called before a step that takes long.
func Prepare(ctx context.Context, folder string, report func(string)) (Environment, error) {
	return Environment{Prefix: folder}, python.Prepare(ctx, folder, report)
}
