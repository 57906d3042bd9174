package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
)

// workNames names the kinds of work in the tables.
var workNames = map[Work]string{
	Train: "training step", Sample: "sampling", Likelihood: "log-density", Matching: "flow-matching step",
	Energies: "energies and forces",
}

var headers = []string{
	"work", "flow", "system", "batch", "contender", "fastest ms", "median ms", "CPU ms", "× eqflow", "× floor",
	"compile s", "MiB", "samples/s", "error",
}

// Tables returns the result as tables.
func (r Result) Tables() []figure.Table {
	var out []figure.Table
	if r.Rows != nil {
		out = append(out, r.table())
	}
	if r.Curves != nil {
		out = append(out, growthTable(r.Curves))
	}
	if r.Runs != nil {
		out = append(out, runTable(r.Runs))
	}
	return out
}

// table has one line for each contender. Only the first line of a case has the case's name.
func (r Result) table() figure.Table {
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
		return append(cells, "–", "–", "–", "–", "–", "–", "–", "–", r.Note)
	}
	return append(cells, digits(r.Fastest), digits(r.Median), digits(r.CPU),
		number("%.2f", r.Ratio), number("%.2f", r.Floor),
		number("%.2f", r.Compile), number("%.0f", r.Memory), rate(r.Samples), number("%.1e", r.Error))
}

// number formats a value. Zero, which stands for no value, gives a dash.
func number(format string, v float64) string {
	if v == 0 {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// digits formats milliseconds with three digits.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// rate formats samples per second.
func rate(v float64) string {
	switch {
	case v >= 999_500:
		thousands := int(math.Round(v / 1e3))
		return fmt.Sprintf("%d %03d 000", thousands/1000, thousands%1000)
	case v >= 1e4:
		return fmt.Sprintf("%.0f 000", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

// runTable has one line for each run, with the ratios to eqflow's run from the same seed.
func runTable(runs []TrainingRun) figure.Table {
	t := figure.Table{Headers: []string{
		"flow", "goal", "contender", "seed", "to the goal s", "× eqflow", "CPU s", "× eqflow", "at step",
		"whole run s", "at its end",
	}}
	own := map[string]TrainingRun{}
	for _, run := range runs {
		key := fmt.Sprint(run.Flow, run.Seed)
		if run.Contender == ownName {
			own[key] = run
		}
		last, goal := run.Looks[len(run.Looks)-1], fmt.Sprintf("NLL ≤ %.2f", goalNLL)
		end := fmt.Sprintf("NLL %.3f", last.NLL)
		if run.Flow == "egnn" {
			goal, end = fmt.Sprintf("ESS ≥ %.0f %%", 100*goalESS), fmt.Sprintf("ESS %.1f %%", 100*last.ESS)
		}
		ratio, ratioCPU := 0.0, 0.0
		if mine := own[key]; mine.Goal > 0 {
			ratio, ratioCPU = run.Goal/mine.Goal, run.GoalCPU/mine.GoalCPU
		}
		at := "–"
		if run.Goal > 0 {
			at = fmt.Sprint(run.At)
		}
		t.Rows = append(t.Rows, []string{
			run.Flow, goal, run.Contender, fmt.Sprint(run.Seed), number("%.1f", run.Goal), number("%.2f", ratio),
			number("%.1f", run.GoalCPU), number("%.2f", ratioCPU), at, number("%.1f", run.Total), end,
		})
	}
	return t
}

// Legend names the machine, and the contenders' versions.
func (r Result) Legend() string {
	var lines []string
	seen := map[string]bool{}
	for _, row := range r.Rows {
		if row.Version != "" && !seen[row.Contender] && !strings.HasPrefix(row.Contender, ownName) {
			seen[row.Contender] = true
			lines = append(lines, fmt.Sprintf("; %s: %s", row.Contender, row.Version))
		}
	}
	m := r.Machine
	return fmt.Sprintf("%s, %d cores, %s, %s%s.", m.Processor, m.Cores, m.System, m.Go, strings.Join(lines, ""))
}

// Markdown returns the tables and the legend for a README.
func (r Result) Markdown() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	for _, t := range r.Tables() {
		line(t.Headers)
		line(slices.Repeat([]string{"---"}, len(t.Headers)))
		for _, row := range t.Rows {
			line(row)
		}
		b.WriteString("\n")
	}
	return b.String() + r.Legend() + "\n"
}
