package ipynb

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Execution says how a notebook is executed.
type Execution struct {
	Tools  gonb.Toolchain
	Folder string   // where the notebook lies: its cells' working folder
	Env    []string // further variables, "NAME=value"
	// CellLimit ends a cell that takes longer; default two hours.
	CellLimit time.Duration
	// Progress hears of every cell's start and of the last line that it shows. It may be nil.
	Progress func(cell, cells int, line string)
}

// CellError is a cell that failed.
type CellError struct {
	Cell, Cells int // counted from 1
	Source      string
	Text        string // what the kernel said
}

// Error shows the cell's source and its error.
func (e *CellError) Error() string {
	return fmt.Sprintf("kernel: cell %d of %d failed:\n%s\n\n%s", e.Cell, e.Cells, indent(e.Source), indent(e.Text))
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ")
}

// defaultCellLimit is far beyond any cell of the notebooks, and ends what would never end by itself.
const defaultCellLimit = 2 * time.Hour

// Execute runs all code cells in a kernel of their own and stores their outputs in the notebook, up to the first that
// fails: then the error is a *CellError. Outputs are stored also of what was interrupted or failed.
func Execute(ctx context.Context, nb *Notebook, e Execution) error {
	session, err := gonb.StartSession(ctx, e.Tools, e.Folder, e.Env)
	if err != nil {
		return err
	}
	defer session.Close()
	limit := cmp.Or(e.CellLimit, defaultCellLimit)
	nb.ClearOutputs()
	cells := nb.CodeCells()
	displays := map[string]map[string]any{}
	for i, cell := range cells {
		tell := func(line string) {
			if e.Progress != nil {
				e.Progress(i+1, len(cells), line)
			}
		}
		tell("")
		out := &Collector{tell: tell, displays: displays}
		inTime, stop := context.WithTimeout(ctx, limit)
		count, err := session.Execute(inTime, cell.Source(), gonb.Grace, out.Take)
		late := inTime.Err() != nil
		stop()
		cell.setResult(out.Final(), count)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("kernel: stopped in cell %d of %d: %w", i+1, len(cells), ctx.Err())
		case late:
			return &CellError{i + 1, len(cells), cell.Source(), fmt.Sprintf("it had not ended after %s, and was stopped", limit)}
		case out.Failure != "":
			return &CellError{i + 1, len(cells), cell.Source(), out.Failure}
		case err != nil:
			return err
		}
	}
	return nil
}

// Collector gathers a cell's outputs in nbformat's form.
type Collector struct {
	outputs  []map[string]any
	displays map[string]map[string]any // by display id, of all cells: a later cell may update an earlier one's
	tell     func(line string)
	Failure  string // of a cell that failed
}

// NewCollector returns a collector that tells nobody.
func NewCollector() *Collector {
	return &Collector{tell: func(string) {}, displays: map[string]map[string]any{}}
}

// Take adds one published message.
func (c *Collector) Take(m gonb.Message) {
	switch m.Header.Type {
	case "stream":
		c.stream(text(m.Content["name"]), text(m.Content["text"]))
	case "display_data", "execute_result":
		c.display(m.Content)
	case "update_display_data":
		c.update(m.Content)
	case "error":
		c.Failure = strings.TrimSpace(text(m.Content["ename"]) + ": " + text(m.Content["evalue"]) + "\n" + c.Streamed("stderr"))
		c.add(map[string]any{"output_type": "error", "ename": m.Content["ename"], "evalue": m.Content["evalue"], "traceback": m.Content["traceback"]})
	}
}

func text(v any) string { s, _ := v.(string); return s }

func (c *Collector) add(output map[string]any) { c.outputs = append(c.outputs, output) }

// stream appends text to the last output, if that is the same stream.
func (c *Collector) stream(name, more string) {
	if line := lastLine(more); line != "" {
		c.tell(line)
	}
	if n := len(c.outputs); n > 0 && c.outputs[n-1]["output_type"] == "stream" && c.outputs[n-1]["name"] == name {
		c.outputs[n-1]["text"] = text(c.outputs[n-1]["text"]) + more
		return
	}
	c.add(map[string]any{"output_type": "stream", "name": name, "text": more})
}

// Streamed is what the cell has written to a stream, "stdout" or "stderr".
func (c *Collector) Streamed(name string) string {
	var b strings.Builder
	for _, o := range c.outputs {
		if o["output_type"] == "stream" && o["name"] == name {
			b.WriteString(text(o["text"]))
		}
	}
	return b.String()
}

func displayID(content map[string]any) string {
	transient, _ := content["transient"].(map[string]any)
	return text(transient["display_id"])
}

func (c *Collector) display(content map[string]any) {
	data, _ := content["data"].(map[string]any)
	c.tellData(data)
	output := map[string]any{"output_type": "display_data", "data": stored(data), "metadata": map[string]any{}}
	if id := displayID(content); id != "" {
		if c.displays[id] != nil {
			c.update(content)
			return
		}
		c.displays[id] = output
	}
	c.add(output)
}

// update replaces the content of what was displayed with the same id; without such a display there is nothing to update.
func (c *Collector) update(content map[string]any) {
	data, _ := content["data"].(map[string]any)
	c.tellData(data)
	if output := c.displays[displayID(content)]; output != nil {
		output["data"] = stored(data)
	}
}

// stored is a display's data as a notebook stores it: texts as lists of lines.
func stored(data map[string]any) map[string]any {
	lines := make(map[string]any, len(data))
	for kind, v := range data {
		lines[kind] = v
		if s, ok := v.(string); ok && strings.HasPrefix(kind, "text/") {
			lines[kind] = splitLines(s)
		}
	}
	return lines
}

var tags = regexp.MustCompile(`<[^>]*>`)

func (c *Collector) tellData(data map[string]any) {
	if page, ok := data["text/html"].(string); ok && len(page) < 2000 {
		if line := lastLine(html.UnescapeString(tags.ReplaceAllString(page, " "))); line != "" {
			c.tell(line)
		}
	}
}

func lastLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" {
			return line
		}
	}
	return ""
}

// Final returns the outputs as a notebook stores them. Displays whose text was emptied are left out.
func (c *Collector) Final() []any {
	outputs := []any{}
	for _, o := range c.outputs {
		if o["output_type"] == "stream" {
			o["text"] = splitLines(overwritten(text(o["text"])))
		}
		if data, ok := o["data"].(map[string]any); ok && isBlank(data) {
			continue
		}
		outputs = append(outputs, o)
	}
	return outputs
}

func isBlank(data map[string]any) bool {
	for kind, v := range data {
		if !strings.HasPrefix(kind, "text/") || strings.TrimSpace(joinText(v)) != "" {
			return false
		}
	}
	return true
}

var returned = regexp.MustCompile(`[^\n]*\r+([^\r\n])`)

// overwritten applies carriage returns as a terminal does, so that a progress bar leaves its last state alone.
func overwritten(s string) string {
	return returned.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "$1")
}
