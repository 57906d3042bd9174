package ipynb_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// tools builds GoNB once for all tests.
var tools = sync.OnceValues(func() (gonb.Toolchain, error) {
	root, err := gonb.FindRoot(".")
	if err != nil {
		return gonb.Toolchain{}, err
	}
	return gonb.BuildToolchain(context.Background(), root, "")
})

func execute(
	t *testing.T, ctx context.Context, nb *ipynb.Notebook, progress func(cell, cells int, line string),
) error {
	t.Helper()
	built, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	return ipynb.Execute(ctx, nb, ipynb.Execution{
		Tools: built, Folder: t.TempDir(), Env: []string{"WORD=mellon"}, Progress: progress,
	})
}

func output(c *ipynb.Cell) string {
	var b strings.Builder
	for _, o := range c.Outputs() {
		lines, _ := o.(map[string]any)["text"].([]any) // an error has none
		for _, line := range lines {
			b.WriteString(line.(string))
		}
	}
	return b.String()
}

func TestCellsShareDeclarationsAndSeeTheEnvironment(t *testing.T) {
	nb := ipynb.New()
	nb.AddMarkdown("m", "# Words")
	nb.AddCode("a", "func word() string { return os.Getenv(\"WORD\") }")
	nb.AddCode("b", "%%\nfmt.Println(\"say\", word())")
	var lines []string
	err := execute(t, context.Background(), nb, func(_, _ int, line string) { lines = append(lines, line) })
	if err != nil {
		t.Fatal(err)
	}
	if got := output(nb.CodeCells()[1]); got != "say mellon\n" {
		t.Errorf("cell printed %q", got)
	}
	if !strings.Contains(strings.Join(lines, "|"), "say mellon") {
		t.Errorf("progress reported %q", lines)
	}
}

func TestFailingCellEndsTheExecution(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("a", "%%\npanic(\"no way\")")
	nb.AddCode("b", "%%\nfmt.Println(\"never\")")
	err := execute(t, context.Background(), nb, nil)
	var cell *ipynb.CellError
	if !errors.As(err, &cell) {
		t.Fatalf("error is %v, want a CellError", err)
	}
	if cell.Cell != 1 || !strings.Contains(cell.Error(), "no way") || !strings.Contains(cell.Error(), "panic(") {
		t.Errorf("error does not show cell, source and cause: %v", cell)
	}
	if len(nb.CodeCells()[1].Outputs()) != 0 {
		t.Error("the cell after the failing one ran")
	}
}

// A cell that would run for a minute ends soon after its context, and its output is kept.
func TestInterruptReachesTheCell(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("a", "%%\nfmt.Println(\"begun\")\ntime.Sleep(time.Minute)")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var begun time.Time
	err := execute(t, ctx, nb, func(_, _ int, line string) {
		if line == "begun" {
			begun = time.Now()
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want context.Canceled", err)
	}
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("the interrupt took %s", took)
	}
	if got := output(nb.CodeCells()[0]); !strings.Contains(got, "begun") {
		t.Errorf("cell kept %q", got)
	}
}

// A cell that exceeds its time limit is stopped, and the error shows this cell.
func TestEndlessCellIsStopped(t *testing.T) {
	nb := ipynb.New()
	nb.AddCode("a", "%%\nfor {\n\ttime.Sleep(time.Second)\n}")
	built, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	err = ipynb.Execute(context.Background(), nb, ipynb.Execution{
		Tools: built, Folder: t.TempDir(), CellLimit: 3 * time.Second,
	})
	var cell *ipynb.CellError
	if !errors.As(err, &cell) || !strings.Contains(cell.Text, "3s") {
		t.Fatalf("error is %v, want a CellError with the limit", err)
	}
}

func TestExecutionLeavesNothingBehind(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	nb := ipynb.New()
	nb.AddCode("a", "%%\nfmt.Println(1)")
	if err := execute(t, context.Background(), nb, nil); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		left, err := filepath.Glob(filepath.Join(temporary, "eqflow-gonb-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", left)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Executing and writing change only the outputs: unknown fields stay, and the form is Jupyter's.
func TestNotebookKeepsUnknownFields(t *testing.T) {
	source := `{
 "cells": [
  {
   "cell_type": "markdown",
   "id": "x",
   "metadata": {
    "fancy": [
     1.50
    ]
   },
   "source": [
    "text"
   ]
  }
 ],
 "metadata": {
  "more": "ü <b>"
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
`
	nb, err := ipynb.Decode(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	nb.ClearOutputs()
	written, err := nb.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, []byte(source)) {
		t.Errorf("written as\n%s", written)
	}
}

// Each committed notebook begins with the cell that makes it run in any clone, and no code cell has
// more than 15 lines.
func TestCommittedNotebooks(t *testing.T) {
	paths, err := filepath.Glob("../../[01]*.ipynb")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d notebooks, %v", len(paths), err)
	}
	for _, path := range paths {
		nb, err := ipynb.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		cells := nb.CodeCells()
		if cells[0].Source() != ipynb.SetupCell {
			t.Errorf("%s begins with\n%s", path, cells[0].Source())
		}
		for i, c := range cells {
			if n := strings.Count(c.Source(), "\n") + 1; n > 15 {
				t.Errorf("%s: code cell %d has %d lines", path, i+1, n)
			}
		}
	}
}
