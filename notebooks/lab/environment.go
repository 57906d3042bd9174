// Package lab sets JupyterLab up in a Python environment of its own, and runs it over a folder of notebooks.
package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// requirements are what pip installs; the pins are those that the kernel is tested with.
var requirements = []string{"jupyterlab==4.6.2", "nbconvert==7.17.2"}

// Environment is a Python environment with JupyterLab.
type Environment struct {
	Prefix string // its folder, which kernels are installed below
}

// Jupyter is the path of its jupyter program.
func (e Environment) Jupyter() string { return filepath.Join(e.Prefix, "bin", "jupyter") }

// stampFile tells which requirements an environment was made for; without it the environment is not finished.
const stampFile = "eqflow-requirements.txt"

// overrides are JupyterLab's settings here: no question about news over the first notebook.
const overrides = `{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
`

// Prepare makes the environment in a folder, unless it is there. It needs python3 with venv, and pip's index the first time;
// tell hears what takes long.
func Prepare(ctx context.Context, folder string, tell func(text string)) (Environment, error) {
	e := Environment{Prefix: folder}
	wanted := strings.Join(requirements, "\n") + "\n"
	if stamp, err := os.ReadFile(filepath.Join(folder, stampFile)); err == nil && string(stamp) == wanted {
		return e, nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return e, fmt.Errorf("lab: cannot renew the Python environment: %w; remove %s", err, folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return e, fmt.Errorf("lab: cannot make the Python environment: %w; set XDG_CACHE_HOME to a folder that can be written", err)
	}
	tell("making a Python environment")
	if err := run(ctx, "python3", "-m", "venv", folder); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return e, fmt.Errorf("lab: there is no python3; install it (Debian: apt-get install python3-venv)")
		}
		return e, fmt.Errorf("lab: python3 cannot make an environment: %w; install its venv module (Debian: apt-get install python3-venv)", err)
	}
	tell("installing JupyterLab by pip, a minute or so")
	arguments := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, requirements...)
	if err := run(ctx, filepath.Join(folder, "bin", "python"), arguments...); err != nil {
		return e, fmt.Errorf("lab: pip cannot install JupyterLab: %w; it needs the network, or PIP_INDEX_URL", err)
	}
	settings := filepath.Join(folder, "share", "jupyter", "lab", "settings")
	return e, errors.Join(os.MkdirAll(settings, 0o755), os.WriteFile(filepath.Join(settings, "overrides.json"), []byte(overrides), 0o644),
		os.WriteFile(filepath.Join(folder, stampFile), []byte(wanted), 0o644))
}

// run runs a program and has its last words in the error.
func run(ctx context.Context, program string, args ...string) error {
	var said bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr = &said, &said
	err := command.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return nil
}
