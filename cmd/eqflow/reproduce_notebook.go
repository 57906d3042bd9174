package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
	"github.com/eqflow/gonb-eqflow/notebooks/protocol"
	"github.com/eqflow/gonb-eqflow/xla"
)

// executionRecord is written beside a finished notebook.
type executionRecord struct {
	Stamp   string  `json:"stamp"` // what the notebook was executed with
	Seconds float64 `json:"seconds"`
}

// notebook executes one notebook into the output folder, unless it has been executed there with the
// same stamp.
func (r *reproduction) notebook(ctx context.Context, name, place string, plan *schedule) (executed, error) {
	nb, err := ipynb.Load(filepath.Join(r.root, "notebooks", name))
	if err != nil {
		return executed{}, err
	}
	stamp, err := r.stamp(nb)
	if err != nil {
		return executed{}, err
	}
	path := filepath.Join(r.out, "work", "done", name+".json")
	if earlier, ok := readRecord(path); ok && earlier.Stamp == stamp && !r.force {
		fmt.Fprintf(r.stderr, "eqflow: %s is done (%s)\n", name, place)
		return executed{name, earlier.Seconds, true}, nil
	}
	// The claims of an earlier version of the notebook are no longer made.
	claims := filepath.Join(r.out, "work", "claims", name[:2]+".json")
	if err := os.Remove(claims); err != nil && !errors.Is(err, os.ErrNotExist) {
		return executed{}, err
	}
	start := time.Now()
	if err := r.execute(ctx, nb, name, place, plan); err != nil {
		return executed{}, err
	}
	seconds := time.Since(start).Seconds()
	err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), atomic.WriteJSON(path, executionRecord{stamp, seconds}))
	return executed{name, seconds, false}, err
}

// readRecord reads the record of an earlier execution. It returns false if there is none.
func readRecord(path string) (r executionRecord, ok bool) {
	return r, atomic.ReadJSON(path, &r) == nil
}

// execute runs the cells of a notebook and shows their progress. It writes the notebook with its
// outputs, also if a cell fails.
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
	path := filepath.Join(r.out, name)
	err = errors.Join(err, nb.Save(path))
	var cell *ipynb.CellError
	if errors.As(err, &cell) {
		fmt.Fprintf(r.stderr, "eqflow: %s, %v\n", name, cell)
		return fmt.Errorf("%s fails in cell %d; %s has the outputs so far", name, cell.Cell, path)
	}
	return err
}

// environment is what the processes of the cells find in their environment.
func (r *reproduction) environment() []string {
	quick := ""
	if r.quick {
		quick = "1"
	}
	env := []string{
		protocol.EnvOut + "=" + filepath.Join(r.out, "work"),
		protocol.EnvQuick + "=" + quick,
		figure.FiguresEnv + "=" + filepath.Join(r.out, "figures"),
	}
	if r.backend != xla.Auto {
		env = append(env, xla.EnvBackend+"="+r.backend)
	}
	if program, err := os.Executable(); err == nil {
		env = append(env, resident.EnvProgram+"="+program)
	}
	return env
}

// stamp identifies what a notebook is executed with: its cells, the code of this clone, and the
// settings.
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
