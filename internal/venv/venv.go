// Package venv makes Python environments in the user's cache, each with pinned packages.
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

// Spec says what an environment is to hold.
type Spec struct {
	Name         string   // in errors, which begin with it: the caller's package
	What         string   // what is installed, in words: "JupyterLab"
	Requirements []string // what pip installs, with versions
	Effort       string   // how long that takes, in words: "a minute or so"
	// Finish, which may be nil, does the rest to a new environment's folder.
	Finish func(prefix string) error
}

// stampFile tells which requirements an environment was made for; without it the environment is not finished.
const stampFile = "eqflow-requirements.txt"

// Prepare makes the environment in a folder, unless it is there. It needs python3 with venv, and pip's index the first time;
// tell hears what takes long.
func (s Spec) Prepare(ctx context.Context, folder string, tell func(text string)) error {
	wanted := strings.Join(s.Requirements, "\n") + "\n"
	if stamp, err := os.ReadFile(filepath.Join(folder, stampFile)); err == nil && string(stamp) == wanted {
		return nil
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("%s: cannot renew the Python environment: %w; remove %s", s.Name, err, folder)
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return fmt.Errorf("%s: cannot make the Python environment: %w; set XDG_CACHE_HOME to a folder that can be written", s.Name, err)
	}
	tell("making a Python environment")
	if err := run(ctx, "python3", "-m", "venv", folder); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s: there is no python3; install it (Debian: apt-get install python3-venv)", s.Name)
		}
		return fmt.Errorf("%s: python3 cannot make an environment: %w; install its venv module (Debian: apt-get install python3-venv)", s.Name, err)
	}
	tell(fmt.Sprintf("installing %s by pip, %s", s.What, s.Effort))
	arguments := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, s.Requirements...)
	if err := run(ctx, filepath.Join(folder, "bin", "python"), arguments...); err != nil {
		return fmt.Errorf("%s: pip cannot install %s: %w; it needs the network, or PIP_INDEX_URL", s.Name, s.What, err)
	}
	if s.Finish != nil {
		if err := s.Finish(folder); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(folder, stampFile), []byte(wanted), 0o644)
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
