package ipynb

import (
	"encoding/json"
	"html"
	"regexp"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// Collector gathers a cell's outputs in nbformat's form.
type Collector struct {
	outputs  []map[string]any
	displays map[string]map[string]any // by display id, of all cells: a later cell may update them
	report   func(line string)
	Failure  string // the error of a cell that failed
}

// NewCollector returns a collector that reports no progress.
func NewCollector() *Collector {
	return &Collector{report: func(string) {}, displays: map[string]map[string]any{}}
}

// Collect adds one published message.
func (c *Collector) Collect(m gonb.Message) {
	switch m.Header.Type {
	case "stream":
		c.stream(text(m.Content["name"]), text(m.Content["text"]))
	case "display_data":
		c.display(m.Content)
	case "execute_result":
		data, _ := m.Content["data"].(map[string]any)
		count, _ := m.Content["execution_count"].(float64)
		c.reportData(data)
		c.add(map[string]any{
			"output_type": "execute_result", "data": stored(data), "metadata": metadata(m.Content),
			"execution_count": json.Number(strconv.Itoa(int(count))),
		})
	case "update_display_data":
		c.update(m.Content)
	case "error":
		name, value := text(m.Content["ename"]), text(m.Content["evalue"])
		c.Failure = strings.TrimSpace(name + ": " + value + "\n" + c.Stream("stderr"))
		c.add(map[string]any{
			"output_type": "error", "ename": m.Content["ename"], "evalue": m.Content["evalue"],
			"traceback": m.Content["traceback"],
		})
	}
}

func text(v any) string { s, _ := v.(string); return s }

func (c *Collector) add(output map[string]any) { c.outputs = append(c.outputs, output) }

// stream appends text to the last output, if that is the same stream.
func (c *Collector) stream(name, more string) {
	if line := lastLine(more); line != "" {
		c.report(line)
	}
	if n := len(c.outputs); n > 0 && c.outputs[n-1]["output_type"] == "stream" && c.outputs[n-1]["name"] == name {
		c.outputs[n-1]["text"] = text(c.outputs[n-1]["text"]) + more
		return
	}
	c.add(map[string]any{"output_type": "stream", "name": name, "text": more})
}

// Stream returns everything that the cell has written to a stream, "stdout" or "stderr".
func (c *Collector) Stream(name string) string {
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

// display adds a display, or updates an earlier display with the same id.
func (c *Collector) display(content map[string]any) {
	id := displayID(content)
	if id != "" && c.displays[id] != nil {
		c.update(content)
		return
	}
	data, _ := content["data"].(map[string]any)
	c.reportData(data)
	output := map[string]any{"output_type": "display_data", "data": stored(data), "metadata": metadata(content)}
	if id != "" {
		c.displays[id] = output
	}
	c.add(output)
}

// update replaces the data of the display with the same id, if there is one.
func (c *Collector) update(content map[string]any) {
	data, _ := content["data"].(map[string]any)
	c.reportData(data)
	if output := c.displays[displayID(content)]; output != nil {
		output["data"], output["metadata"] = stored(data), metadata(content)
	}
}

// metadata returns a display's metadata, such as the size of its picture.
func metadata(content map[string]any) map[string]any {
	if m, ok := content["metadata"].(map[string]any); ok {
		return m
	}
	return map[string]any{}
}

// stored returns a display's data as a notebook stores them: texts as lists of lines.
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

// reportData reports the last line of a short HTML text, without its tags.
func (c *Collector) reportData(data map[string]any) {
	if page, ok := data["text/html"].(string); ok && len(page) < 2000 {
		if line := lastLine(html.UnescapeString(tags.ReplaceAllString(page, " "))); line != "" {
			c.report(line)
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

// Outputs returns the outputs as a notebook stores them, without displays whose text has become
// empty.
func (c *Collector) Outputs() []any {
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

// overwritten applies carriage returns as a terminal does, so that only the last state of a
// progress bar remains.
func overwritten(s string) string {
	return returned.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "$1")
}
