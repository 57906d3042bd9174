// Package comparison puts the evaluations of several models side by side, in one table and one
// figure.
package comparison

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// Entry is the evaluation of one model, with a name.
type Entry struct {
	Name string
	evaluate.Report
}

// MarshalJSON writes the report and the name as one object.
func (e Entry) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(e.Report)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	fields["name"] = e.Name
	return json.Marshal(fields)
}

// Comparison holds evaluations of models of one system, in the order of table and figure.
type Comparison []Entry

// Read reads one report from each path: the last evaluation in a model's folder, or a file written
// by "eqflow eval --json".
func Read(paths ...string) (Comparison, error) {
	var c Comparison
	for _, path := range paths {
		r, err := read(path)
		if err != nil {
			return nil, err
		}
		c = append(c, Entry{Report: r})
		if first := c[0]; r.System != first.System {
			return nil, fmt.Errorf("comparison: %s is of %s, and %s is of %s; compare models of one system",
				paths[0], first.System, path, r.System)
		}
	}
	for i, name := range shortNames(paths) {
		c[i].Name = name
	}
	return c, nil
}

// read reads a report from a model's folder or from a file.
func read(path string) (evaluate.Report, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return evaluate.Report{}, fmt.Errorf("comparison: %w; give folders of models, or files of eqflow eval --json",
			err)
	case info.IsDir():
		card, err := eqflow.Describe(path)
		if err == nil && card.Report == nil {
			err = fmt.Errorf("comparison: the model in %[1]s has not been evaluated; "+
				"run eqflow eval --model %[1]s --data FILE", path)
		}
		if err != nil {
			return evaluate.Report{}, err
		}
		return *card.Report, nil
	}
	var r evaluate.Report
	err = atomic.ReadJSON(path, &r)
	if err == nil && r.System == "" {
		err = errors.New("it names no system")
	}
	if err != nil {
		return r, fmt.Errorf("comparison: %s is no report of eqflow eval --json: %w", path, err)
	}
	return r, nil
}

// shortNames are the last parts of the paths. Paths with the same last part stay whole.
func shortNames(paths []string) []string {
	names, seen := make([]string, len(paths)), map[string]int{}
	for i, path := range paths {
		names[i] = strings.TrimSuffix(filepath.Base(filepath.Clean(path)), ".json")
		seen[names[i]]++
	}
	for i, path := range paths {
		if seen[names[i]] > 1 {
			names[i] = filepath.Clean(path)
		}
	}
	return names
}

// Table has a row for each model, and a row with the values of a perfect model as far as they are
// known. The column energies counts the evaluations of the target's energy in training.
func (c Comparison) Table() figure.Table {
	t := figure.Table{Headers: []string{
		"model", "flow", "parameters", "NLL / nats", "ESS / %", "log Z", "W2", "energy-W2", "distance-W2",
		"training / s", "energies", "effective / s", "judged",
	}}
	for _, e := range c {
		t.Rows = append(t.Rows, e.row())
	}
	p := c.perfect()
	t.Rows = append(t.Rows, []string{
		"(perfect)", "", "", number("%.3f", p.NLL), "100", number("%.3f", p.LogZ),
		number("%.3f", p.W2), number("%.3f", p.EnergyW2), number("%.4f", p.DistanceW2), "", "", "", "",
	})
	return t
}

// row is the model's row of the table.
func (e Entry) row() []string {
	flow, judged := e.Flow, "trustworthy"
	if e.Probes > 0 {
		flow += fmt.Sprintf(", divergence from %d probes", e.Probes)
	}
	switch {
	case !e.Trustworthy:
		judged = "NOT TRUSTWORTHY"
	case e.Samples > 0 && !e.WeightsTrustworthy:
		judged = "weights not trustworthy"
	}
	return []string{
		e.Name, flow, fmt.Sprint(e.Parameters), number("%.3f", e.NLL4), number("%.1f", 100*e.ESS),
		withError(e.LogZ, e.LogZError), number("%.3f", e.W2), number("%.3f", e.EnergyW2),
		number("%.4f", e.DistanceW2), number("%.0f", e.TrainingSeconds), fmt.Sprint(e.TrainingEnergies),
		number("%.3g", e.EffectivePerSec), judged,
	}
}

// perfect holds the values of a perfect model; NaN stands for an unknown one.
type perfect struct {
	NLL        float64 `json:"nll"`
	LogZ       float64 `json:"log_z"`
	W2         float64 `json:"w2"`
	EnergyW2   float64 `json:"energy_w2"`
	DistanceW2 float64 `json:"distance_w2"`
}

// perfect takes each value of a perfect model from the first report that knows it.
func (c Comparison) perfect() perfect {
	first := func(value func(evaluate.Report) float64) float64 {
		for _, e := range c {
			if v := value(e.Report); !math.IsNaN(v) {
				return v
			}
		}
		return math.NaN()
	}
	return perfect{
		NLL:        first(func(r evaluate.Report) float64 { return r.KnownEntropy }),
		LogZ:       first(func(r evaluate.Report) float64 { return r.KnownLogZ }),
		W2:         first(func(r evaluate.Report) float64 { return r.W2Floor }),
		EnergyW2:   first(func(r evaluate.Report) float64 { return r.EnergyW2Floor }),
		DistanceW2: first(func(r evaluate.Report) float64 { return r.DistanceW2Floor }),
	}
}

// number writes a value, and a dash for NaN.
func number(format string, v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// withError writes a value and its error, and a dash for NaN.
func withError(v, err float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.3f ± %.3f", v, err)
}

// Figure has a panel of bars for each of NLL, ESS, W2 and energy-W2. Dashed lines show the values
// of a perfect model. Panels without any value are left out.
func (c Comparison) Figure() figure.Figure {
	best := c.perfect()
	panels := []panel{
		{"NLL above the entropy / nats", func(e Entry) float64 { return e.NLL4 - best.NLL }, math.NaN()},
		{"ESS / %", func(e Entry) float64 { return 100 * e.ESS }, 100},
		{"W2", func(e Entry) float64 { return e.W2 }, best.W2},
		{"energy-W2 / kT", func(e Entry) float64 { return e.EnergyW2 }, best.EnergyW2},
	}
	if math.IsNaN(best.NLL) {
		panels[0] = panel{"NLL / nats", func(e Entry) float64 { return e.NLL4 }, math.NaN()}
	}
	var drawn []figure.Figure
	for _, p := range panels {
		if f, ok := p.figure(c); ok {
			drawn = append(drawn, f)
		}
	}
	return figure.Grid("comparison", 2, drawn...)
}

// panel is one measure of the figure.
type panel struct {
	title   string
	value   func(Entry) float64
	perfect float64 // NaN if it is not known or not shown
}

// figure draws the panel's bars. Models that differ in their seeds only share a label, with a mark
// for each. It returns false if no model has a positive value.
func (p panel) figure(c Comparison) (f figure.Figure, ok bool) {
	var labels []string
	var values [][]float64
	lo, hi, positive := math.Inf(1), 0.0, true
	for _, e := range c {
		v := p.value(e)
		if math.IsInf(v, 0) {
			v = math.NaN()
		}
		name, _, _ := strings.Cut(figure.Words(e.Name), ", seed ")
		label := strings.ReplaceAll(name, ", ", ",\n")
		at := slices.Index(labels, label)
		if at < 0 {
			at, labels, values = len(labels), append(labels, label), append(values, nil)
		}
		if !math.IsNaN(v) {
			values[at] = append(values[at], v)
		}
		positive = positive && !(v <= 0) // the noise of the data can bring an NLL under the entropy
		if v > 0 {
			lo, hi, ok = min(lo, v), max(hi, v), true
		}
	}
	a := figure.Axes{Title: p.title, Width: 560, Height: 380}
	if !math.IsNaN(p.perfect) {
		lo = min(lo, p.perfect)
		a.Title += " (dashed: perfect)" // a label at the line would hide the last bar's value
		a.YMarks = []figure.Mark{{At: p.perfect}}
	}
	a.LogY = positive && hi > 30*lo
	return figure.Bars(a, labels, bars(values)), ok
}

// bars returns one bar for each label, or marks if a label has several values.
func bars(values [][]float64) figure.BarSeries {
	s := figure.BarSeries{ShowValues: true}
	for _, v := range values {
		if len(v) > 1 {
			return figure.BarSeries{Seeds: values, ShowValues: true}
		}
		s.Values = append(s.Values, append(v, math.NaN())[0])
	}
	return s
}

// MarshalJSON writes the system, the reports of the models, and the values of a perfect model.
func (c Comparison) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"system": c[0].System, "models": []Entry(c), "perfect": finite.Fields(c.perfect()),
	})
}
