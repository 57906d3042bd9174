// Package lab installs JupyterLab in a Python environment of its own (environment.go), copies and
// signs notebooks (notebooks.go), and runs JupyterLab over a folder of notebooks (server.go).
package lab

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/internal/venv"
)

// Environment is a Python environment with JupyterLab.
type Environment struct {
	Prefix string // its folder, which kernels are installed below
}

// Jupyter returns the path of the environment's jupyter program.
func (e Environment) Jupyter() string { return filepath.Join(e.Prefix, "bin", "jupyter") }

// homes returns variables that give Jupyter folders below the environment for its own files, where
// those in the user's home folder cannot be written. Without such folders Jupyter does not start.
func (e Environment) homes() []string {
	home, err := os.UserHomeDir()
	if err == nil && writable(filepath.Join(home, ".local", "share", "jupyter")) &&
		writable(filepath.Join(home, ".jupyter")) {
		return nil
	}
	var variables []string
	for _, part := range []string{"DATA", "RUNTIME", "CONFIG"} {
		if name := "JUPYTER_" + part + "_DIR"; os.Getenv(name) == "" {
			variables = append(variables, name+"="+filepath.Join(e.Prefix, "home", strings.ToLower(part)))
		}
	}
	return append(variables, "IPYTHONDIR="+filepath.Join(e.Prefix, "home", "ipython"))
}

// writable reports whether a folder, or the first folder above it that exists, can be written.
func writable(folder string) bool {
	for folder != filepath.Dir(folder) {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		folder = filepath.Dir(folder)
	}
	return atomic.Probe(folder) == nil
}

// overrides are JupyterLab's settings: no question about news in front of the first notebook.
const overrides = `{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
`

//go:embed jupyter_server_config.py
var serverConfig []byte

// configure writes the server's settings into an environment, unless they are there.
func configure(prefix string) error {
	path := filepath.Join(prefix, "etc", "jupyter", "jupyter_server_config.py")
	if text, err := os.ReadFile(path); err == nil && bytes.Equal(text, serverConfig) {
		return nil
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, serverConfig, 0o644))
}

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
	if err := python.Prepare(ctx, folder, report); err != nil {
		return Environment{}, err
	}
	return Environment{Prefix: folder}, configure(folder)
}
