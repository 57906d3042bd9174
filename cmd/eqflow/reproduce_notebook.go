package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/protocol"
	"github.com/eqflow/gonb-eqflow/xla"
)

// mark is kept beside a finished notebook: what it was executed with, and how long it took.
type mark struct {
	Stamp   string  `json:"stamp"`
	Seconds float64 `json:"seconds"`
}

// notebook executes one notebook into the output folder, unless that is done.
func (r *reproduction) notebook(ctx context.Context, name, place string, plan *schedule) (executed, error) {
	nb, err := ipynb.Load(filepath.Join(r.root, "notebooks", name))
	if err != nil {
		return executed{}, err
	}
	stamp, err := r.stamp(nb)
	if err != nil {
		return executed{}, err
	}
	done := filepath.Join(r.out, "work", "done", name+".json")
	var earlier mark
	if text, err := os.ReadFile(done); err == nil && json.Unmarshal(text, &earlier) == nil && earlier.Stamp == stamp && !r.force {
		fmt.Fprintf(r.stderr, "eqflow: %s is done (%s)\n", name, place)
		return executed{name, earlier.Seconds, true}, nil
	}
	// What an earlier version of the notebook claimed is no longer claimed.
	if err := removeIfThere(filepath.Join(r.out, "work", "claims", name[:2]+".json")); err != nil {
		return executed{}, err
	}
	start := time.Now()
	if err := r.execute(ctx, nb, name, place, plan); err != nil {
		return executed{}, err
	}
	seconds := time.Since(start).Seconds()
	text, err := json.Marshal(mark{stamp, seconds})
	if err != nil {
		return executed{}, err
	}
	return executed{name, seconds, false}, errors.Join(os.MkdirAll(filepath.Dir(done), 0o755), os.WriteFile(done, text, 0o644))
}

// execute runs a notebook's cells, telling how far they are, and writes it with its outputs, also if a cell fails.
func (r *reproduction) execute(ctx context.Context, nb *ipynb.Notebook, name, place string, plan *schedule) error {
	line := newStatus(r.stderr, fmt.Sprintf("%s (%s)", strings.TrimSuffix(name, ".ipynb"), place))
	start := time.Now()
	err := ipynb.Execute(ctx, nb, ipynb.Execution{
		Tools: r.tools, Folder: filepath.Join(r.root, "notebooks"), Env: r.environment(),
		Progress: func(cell, cells int, text string) {
			line.show("about %s left of all  cell %d of %d  %s", plan.remaining(time.Since(start)), cell, cells, text)
		},
	})
	line.end("%s", time.Since(start).Round(time.Second))
	err = errors.Join(err, nb.Save(filepath.Join(r.out, name)))
	var cell *ipynb.CellError
	if errors.As(err, &cell) {
		fmt.Fprintf(r.stderr, "eqflow: %s, %v\n", name, cell)
		return fmt.Errorf("%s failed in cell %d; the notebook so far is %s", name, cell.Cell, filepath.Join(r.out, name))
	}
	return err
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (r *reproduction) environment() []string {
	quick := ""
	if r.quick {
		quick = "1"
	}
	env := []string{
		protocol.EnvOut + "=" + filepath.Join(r.out, "work"), protocol.EnvQuick + "=" + quick,
		"EQFLOW_FIGURES=" + filepath.Join(r.out, "figures"),
	}
	if r.backend != xla.Auto {
		env = append(env, xla.EnvBackend+"="+r.backend)
	}
	if program, err := os.Executable(); err == nil {
		env = append(env, resident.EnvProgram+"="+program)
	}
	return env
}

// stamp identifies what a notebook was executed with: its cells, the code of this clone, and the settings.
func (r *reproduction) stamp(nb *ipynb.Notebook) (string, error) {
	source, err := gonb.SourceHash(r.root)
	if err != nil {
		return "", err
	}
	var cells strings.Builder
	for _, c := range nb.CodeCells() {
		cells.WriteString(c.Source())
	}
	return fmt.Sprintf("%s\nquick %t\nbackend %s\n%s", source, r.quick, r.backend, cells.String()), nil
}
