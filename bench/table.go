package bench

import (
	"fmt"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// workNames are the works in words.
var workNames = map[Work]string{Train: "training step", Sample: "sampling", Likelihood: "log-density", Matching: "flow-matching step"}

var headers = []string{"work", "flow", "system", "batch", "contender", "fastest ms", "median ms", "× eqflow", "× floor", "compile s", "MiB", "samples/s", "error"}

// Table is the result for people: one line a contender, the case's name on its first.
func (r Result) Table() figure.Table {
	t := figure.Table{Headers: headers}
	var last Case
	for _, row := range r.Rows {
		t.Rows = append(t.Rows, row.cells(row.Case != last))
		last = row.Case
	}
	return t
}

func (r Row) cells(first bool) []string {
	cells := []string{workNames[r.Work], r.Flow, r.System, fmt.Sprint(r.Batch), r.Contender}
	if !first {
		copy(cells, []string{"", "", "", ""})
	}
	if r.Note != "" {
		return append(cells, "–", "–", "–", "–", "–", "–", "–", r.Note)
	}
	return append(cells, digits(r.Fastest), digits(r.Median), number("%.2f", r.Ratio), number("%.2f", r.Floor),
		number("%.2f", r.Compile), number("%.0f", r.Memory), rate(r.Samples), number("%.1e", r.Error))
}

// number is a value in a format, a dash where there is none.
func number(format string, v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// digits writes milliseconds with three digits.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func rate(v float64) string {
	if v >= 1e4 {
		return fmt.Sprintf("%.0f 000", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

// Legend says what the contenders are, and where it was.
func (r Result) Legend() string {
	var lines []string
	seen := map[string]bool{}
	for _, row := range r.Rows {
		if row.Version != "" && !seen[row.Contender] {
			seen[row.Contender] = true
			lines = append(lines, fmt.Sprintf("%s: %s", row.Contender, row.Version))
		}
	}
	return fmt.Sprintf("%s, %d cores, %s. %s.", r.Machine.Processor, r.Machine.Cores, r.Machine.System, strings.Join(lines, "; "))
}

// Markdown is the table for a README.
func (r Result) Markdown() string {
	t := r.Table()
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Headers)
	line(strings.Split("---|---|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:", "|"))
	for _, row := range t.Rows {
		line(row)
	}
	return b.String()
}
