package ipynb

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Execution says how a notebook is executed.
type Execution struct {
	Tools  gonb.Toolchain
	Folder string   // of the notebook: the cells' working folder
	Env    []string // further variables, "NAME=value"
	// CellLimit is the time after which a cell is stopped; default two hours.
	CellLimit time.Duration
	// Progress is called when a cell starts, with an empty line, and with each last line that it
	// shows. It may be nil.
	Progress func(cell, cells int, line string)
}

// CellError is the failure of a cell.
type CellError struct {
	Cell, Cells int // counted from 1
	Source      string
	Text        string // the kernel's error
}

// Error shows the cell's source and its error.
func (e *CellError) Error() string {
	return fmt.Sprintf("kernel: cell %d of %d failed:\n%s\n\n%s", e.Cell, e.Cells, indent(e.Source), indent(e.Text))
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// defaultCellLimit is far longer than any cell of the notebooks takes. It ends cells that never
// end.
const defaultCellLimit = 2 * time.Hour

// Execute runs all code cells in a new GoNB kernel and stores their outputs in the notebook. It
// stops at the first cell that fails, with a *CellError. The outputs of a failed or interrupted
// cell are stored too.
func Execute(ctx context.Context, nb *Notebook, e Execution) error {
	client, err := gonb.Open(ctx, e.Tools, e.Folder, e.Env)
	if err != nil {
		return err
	}
	defer client.Close()
	nb.ClearOutputs()
	cells, displays := nb.CodeCells(), map[string]map[string]any{}
	for i, cell := range cells {
		report := func(line string) {
			if e.Progress != nil {
				e.Progress(i+1, len(cells), line)
			}
		}
		report("")
		out := &Collector{report: report, displays: displays}
		text, err := e.run(ctx, client, cell, out)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("kernel: stopped in cell %d of %d: %w", i+1, len(cells), ctx.Err())
		case text != "":
			return &CellError{i + 1, len(cells), cell.Source(), text}
		case err != nil:
			return err
		}
	}
	return nil
}

// run runs one cell and stores its outputs. failure says why the cell failed, if it did.
func (e Execution) run(
	ctx context.Context, client *gonb.Client, cell *Cell, out *Collector,
) (failure string, err error) {
	limit := cmp.Or(e.CellLimit, defaultCellLimit)
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	count, err := client.Execute(ctx, cell.Source(), out.Collect)
	cell.setResult(out.Outputs(), count)
	if ctx.Err() != nil {
		return fmt.Sprintf("it had not ended after %s, and was stopped", limit), err
	}
	return out.Failure, err
}
