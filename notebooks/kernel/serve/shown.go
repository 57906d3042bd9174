package serve

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
)

// shownOutput publishes what a living cell writes and shows.
type shownOutput struct {
	*proxy
	request gonb.Message
	count   int
	over    chan struct{} // closed when the cell has ended

	mu     sync.Mutex
	ended  bool
	bridge *bridge // to GoNB's widgets, or nil
}

// Stream publishes text.
func (o *shownOutput) Stream(name, text string) {
	o.answer(o.iopub, &o.request, "stream", map[string]any{"name": name, "text": text})
}

// Display publishes data. Data with an id replace the display of that id; the first time they make
// it.
func (o *shownOutput) Display(data map[string]any, id string) {
	kind, content := "display_data", map[string]any{
		"data": data, "metadata": sizes(data), "transient": map[string]any{},
	}
	if id != "" {
		kind, content["transient"] = "update_display_data", map[string]any{"display_id": id}
		if o.living.isNewDisplay(id) {
			kind = "display_data"
		}
	}
	o.answer(o.iopub, &o.request, kind, content)
}

// Result publishes the value of the last expression.
func (o *shownOutput) Result(data map[string]any) {
	o.answer(o.iopub, &o.request, "execute_result", map[string]any{
		"data": data, "metadata": sizes(data), "execution_count": o.count,
	})
}

// Clear publishes that what the cell has shown is removed.
func (o *shownOutput) Clear(wait bool) {
	o.answer(o.iopub, &o.request, "clear_output", map[string]any{"wait": wait})
}

// Interact passes a message of a widget to GoNB, which knows the front end's widgets.
func (o *shownOutput) Interact(message any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	if o.bridge == nil {
		o.bridge = o.living.openBridge(&o.request)
	}
	o.bridge.send(message)
}

// close ends the connection of the cell's widgets.
func (o *shownOutput) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	close(o.over)
	o.bridge.close()
}

// The colours of an error's text.
const (
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	reset = "\x1b[0m"
)

// explainError returns the content of a cell's error: its kind, its first cause with cell and line,
// and a traceback with the source line marked.
func explainError(err error, count int, sources map[int]string) map[string]any {
	var compile *cells.Error
	var failure *live.Failure
	name, value, place := "KernelError", err.Error(), 0
	cell := count
	var trace []string
	switch {
	case errors.As(err, &compile):
		name, place = "CompileError", compile.First().Line
		for _, p := range compile.Problems[min(1, len(compile.Problems)):] {
			trace = append(trace, fmt.Sprintf("cell %d, line %d: %s", count, p.Line, p.Text))
		}
	case errors.As(err, &failure):
		name, place = failure.Kind, failure.Line
		if failure.Cell > 0 {
			cell = failure.Cell
			value = fmt.Sprintf("cell %d, line %d: %s", cell, place, failure.Text)
		}
		if len(failure.Trace) > 1 {
			trace = append(trace, dim+"called by"+reset)
			for _, call := range failure.Trace[1:] {
				trace = append(trace, dim+"  "+call+reset)
			}
		}
	}
	lines := []string{red + name + reset + ": " + value}
	lines = append(lines, excerpt(sources[cell], place)...)
	return map[string]any{"ename": name, "evalue": value, "traceback": append(lines, trace...)}
}

// excerpt returns the lines around a line of a cell, with that line marked.
func excerpt(source string, line int) []string {
	all := strings.Split(source, "\n")
	if line < 1 || line > len(all) {
		return nil
	}
	var shown []string
	for n := max(1, line-2); n <= min(len(all), line+1); n++ {
		mark, colour := "  ", dim
		if n == line {
			mark, colour = "> ", ""
		}
		shown = append(shown, fmt.Sprintf("%s%s%3d | %s%s", colour, mark, n, all[n-1], reset))
	}
	return shown
}
