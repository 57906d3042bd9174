// Package ipynb reads, writes and executes Jupyter notebooks, without Jupyter and without Python.
// Load and Save keep Jupyter's own file format (notebook.go, json.go). Execute runs a notebook's
// code cells in order through GoNB (executor.go) and stores their outputs in the notebook
// (outputs.go).
package ipynb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// The kernel's names: SpecName in Jupyter's folders, SpecTitle in Jupyter's menus.
const (
	SpecName  = "eqflow"
	SpecTitle = "eqflow (Go)"
)

// SetupCell is the first cell of each notebook of a clone. It runs setup.sh beside the notebook,
// which points the cells' module at the clone, so that cells compile against the clone without
// network. The cell runs alike here and in a plain GoNB kernel: GoNB sets GONB_DIR to the folder of
// the notebook, and runs a line marked !* in the folder of the cells' go.mod.
const SetupCell = `!*sh "$GONB_DIR/setup.sh"
%noautoget`

// Notebook is a Jupyter notebook in nbformat 4.
//
// Unknown fields are kept unchanged. Encode writes Jupyter's own form (sorted keys, an indent of
// one space, a final newline), so that an execution changes only outputs and counts.
type Notebook struct {
	Cells  []*Cell
	fields map[string]any
}

// Cell is one cell of a notebook.
type Cell struct {
	fields map[string]any
}

// languageVersion is the version of Go that go.mod demands, without a patch. The version of the
// machine's Go would change notebooks that are opened on another machine.
const languageVersion = "1.26"

// LanguageInfo returns what the kernel says about its language, and what the notebooks say in their
// metadata. Jupyter writes the kernel's words into a notebook that it opens. As long as both are
// equal, opening a notebook does not change it.
func LanguageInfo() map[string]any {
	return map[string]any{
		"codemirror_mode": "go", "file_extension": ".go", "mimetype": "text/x-go", "name": "go",
		"pygments_lexer": "go", "version": languageVersion,
	}
}

// New returns an empty notebook for the GoNB kernel.
func New() *Notebook {
	return &Notebook{fields: map[string]any{
		"metadata": map[string]any{
			"kernelspec":    map[string]any{"display_name": SpecTitle, "language": "go", "name": SpecName},
			"language_info": LanguageInfo(),
		},
		"nbformat":       json.Number("4"),
		"nbformat_minor": json.Number("5"),
	}}
}

// AddMarkdown appends a markdown cell. Its id must be unique in the notebook and consists of
// letters, digits, - and _.
func (nb *Notebook) AddMarkdown(id, source string) {
	nb.Cells = append(nb.Cells, &Cell{fields: map[string]any{
		"cell_type": "markdown", "id": id, "metadata": map[string]any{}, "source": splitLines(source),
	}})
}

// AddCode appends a code cell without outputs. The rules for its id are those of AddMarkdown.
func (nb *Notebook) AddCode(id, source string) {
	nb.Cells = append(nb.Cells, &Cell{fields: map[string]any{
		"cell_type": "code", "id": id, "metadata": map[string]any{}, "source": splitLines(source),
		"execution_count": nil, "outputs": []any{},
	}})
}

// Decode reads a notebook. The input must be JSON in nbformat 4.
func Decode(r io.Reader) (*Notebook, error) {
	decoder := json.NewDecoder(r)
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("kernel: not a notebook: %w; save it again from Jupyter", err)
	}
	if version := fmt.Sprint(fields["nbformat"]); version != "4" {
		return nil, fmt.Errorf("kernel: nbformat is %s, want 4; open the notebook in Jupyter and save it", version)
	}
	cells, ok := fields["cells"].([]any)
	if !ok {
		return nil, errors.New("kernel: the notebook has no list of cells; save it again from Jupyter")
	}
	delete(fields, "cells")
	nb := &Notebook{fields: fields}
	for i, c := range cells {
		cell, ok := c.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("kernel: cell %d is not an object; save the notebook again from Jupyter", i+1)
		}
		nb.Cells = append(nb.Cells, &Cell{fields: cell})
	}
	return nb, nil
}

// Encode returns the notebook in the form that Jupyter writes to disk.
func (nb *Notebook) Encode() ([]byte, error) {
	fields := make(map[string]any, len(nb.fields)+1)
	for key, value := range nb.fields {
		fields[key] = value
	}
	cells := make([]any, len(nb.Cells))
	for i, c := range nb.Cells {
		cells[i] = c.fields
	}
	fields["cells"] = cells
	var b bytes.Buffer
	if err := writeJSON(&b, fields, 0); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// Load reads the notebook at path.
func Load(path string) (*Notebook, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("kernel: cannot open the notebook: %w; check the path", err)
	}
	defer f.Close()
	nb, err := Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return nb, nil
}

// Save writes the notebook to path, atomically.
func (nb *Notebook) Save(path string) error {
	data, err := nb.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("kernel: cannot make the notebook's folder: %w; choose another", err)
	}
	if err := atomic.WriteFile(path, data); err != nil {
		return fmt.Errorf("kernel: cannot write the notebook: %w; free space or choose another folder", err)
	}
	return nil
}

// Metadata returns the entry of the notebook's metadata under key, or nil.
func (nb *Notebook) Metadata(key string) any {
	metadata, _ := nb.fields["metadata"].(map[string]any)
	return metadata[key]
}

// SetMetadata stores value (of JSON's types) in the notebook's metadata under key.
func (nb *Notebook) SetMetadata(key string, value any) {
	metadata, ok := nb.fields["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		nb.fields["metadata"] = metadata
	}
	metadata[key] = value
}

// CodeCells returns the cells that an execution runs: the code cells that are not blank.
func (nb *Notebook) CodeCells() []*Cell {
	var code []*Cell
	for _, c := range nb.Cells {
		if c.IsCode() && strings.TrimSpace(c.Source()) != "" {
			code = append(code, c)
		}
	}
	return code
}

// ClearOutputs removes the outputs and counts of every code cell.
func (nb *Notebook) ClearOutputs() {
	for _, c := range nb.Cells {
		if c.IsCode() {
			c.setResult(nil, 0)
		}
	}
}

// IsCode reports whether the cell holds code.
func (c *Cell) IsCode() bool { return c.fields["cell_type"] == "code" }

// Source returns the cell's text, however the file splits it into lines.
func (c *Cell) Source() string { return joinText(c.fields["source"]) }

// Outputs returns the cell's outputs as nbformat describes them: maps of JSON's types.
func (c *Cell) Outputs() []any {
	outputs, _ := c.fields["outputs"].([]any)
	return outputs
}

// setResult stores outputs and the execution count. A count of zero is written as null: not run.
func (c *Cell) setResult(outputs []any, count int) {
	if outputs == nil {
		outputs = []any{}
	}
	c.fields["outputs"] = outputs
	c.fields["execution_count"] = nil
	if count > 0 {
		c.fields["execution_count"] = json.Number(fmt.Sprint(count))
	}
}

// joinText joins nbformat's lists of lines to texts.
func joinText(v any) string {
	switch t := v.(type) {
	case string:
		return t
	case []any:
		var b strings.Builder
		for _, line := range t {
			if s, ok := line.(string); ok {
				b.WriteString(s)
			}
		}
		return b.String()
	}
	return ""
}

// splitLines returns nbformat's form of a text on disk: lines, each with its newline.
func splitLines(text string) []any {
	lines := []any{}
	for line := range strings.Lines(text) {
		lines = append(lines, line)
	}
	return lines
}
