// Package venv makes Python environments with pinned packages in the user's cache.
package venv

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

// Spec describes an environment.
type Spec struct {
	Name         string   // first word of errors: the caller's package
	What         string   // what is installed, in words: "JupyterLab"
	Requirements []string // pip's requirements, with versions
	Effort       string   // how long the installation takes, in words: "a minute or so"
	// Finish completes a new environment, given its folder. It may be nil.
	Finish func(prefix string) error
}

// stampFile holds the requirements that an environment was made for. It is written last, so that an
// environment without it is unfinished.
const stampFile = "eqflow-requirements.txt"

// Prepare makes the environment in a folder, unless it is there already. It needs python3 with
// venv, and pip's index when it makes one. report is called before each step that takes long.
func (s Spec) Prepare(ctx context.Context, folder string, report func(text string)) error {
	wanted := strings.Join(s.Requirements, "\n") + "\n"
	stamp := filepath.Join(folder, stampFile)
	if found, err := os.ReadFile(stamp); err == nil && string(found) == wanted {
		return nil
	}
	if err := s.create(ctx, folder, report); err != nil {
		return err
	}
	report(fmt.Sprintf("installing %s by pip, %s", s.What, s.Effort))
	arguments := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, s.Requirements...)
	if err := run(ctx, filepath.Join(folder, "bin", "python"), arguments...); err != nil {
		return fmt.Errorf("%s: pip cannot install %s: %w; it needs the network, or PIP_INDEX_URL", s.Name, s.What, err)
	}
	if s.Finish != nil {
		if err := s.Finish(folder); err != nil {
			return err
		}
	}
	return os.WriteFile(stamp, []byte(wanted), 0o644)
}

// create makes an empty environment in place of whatever the folder holds.
func (s Spec) create(ctx context.Context, folder string, report func(text string)) error {
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("%s: cannot renew the Python environment: %w; remove %s", s.Name, err, folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("%s: cannot make the Python environment: %w; "+
			"set XDG_CACHE_HOME to a folder that can be written",
			s.Name, err)
	}
	report("making a Python environment")
	err := run(ctx, "python3", "-m", "venv", folder)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s: there is no python3; install it (Debian: apt-get install python3-venv)", s.Name)
	case err != nil:
		return fmt.Errorf("%s: python3 cannot make an environment: %w; install its venv module "+
			"(Debian: apt-get install python3-venv)", s.Name, err)
	}
	return nil
}

// run runs a program. The error holds the last three lines of its output.
func run(ctx context.Context, program string, args ...string) error {
	var output bytes.Buffer
	command := exec.CommandContext(ctx, program, args...)
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(output.String()), "\n")
		return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-3):], "; "))
	}
	return nil
}
