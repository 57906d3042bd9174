// Package comparison puts the evaluations of several models side by side: one table, one figure.
package comparison

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// Entry is one model's evaluation under a name.
type Entry struct {
	Name string
	evaluate.Report
}

// MarshalJSON writes the report with its name.
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

// Comparison is evaluations of one system's models, in the order in which they are shown.
type Comparison []Entry

// Read takes the last evaluation from each model's folder, or a report from a file of "eqflow eval --json".
func Read(paths ...string) (Comparison, error) {
	var c Comparison
	for _, path := range paths {
		r, err := read(path)
		if err != nil {
			return nil, err
		}
		c = append(c, Entry{Report: r})
		if first := c[0]; r.System != first.System {
			return nil, fmt.Errorf("comparison: %s is of %s and %s of %s; compare models of one system", paths[0], first.System, path, r.System)
		}
	}
	for i, name := range shortNames(paths) {
		c[i].Name = name
	}
	return c, nil
}

func read(path string) (evaluate.Report, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return evaluate.Report{}, fmt.Errorf("comparison: %w; give models' folders, or files of eqflow eval --json", err)
	case info.IsDir():
		card, err := eqflow.Describe(path)
		if err == nil && card.Report == nil {
			err = fmt.Errorf("comparison: the model in %s has not been evaluated; eqflow eval --model %s --data FILE does it", path, path)
		}
		if err != nil {
			return evaluate.Report{}, err
		}
		return *card.Report, nil
	}
	var r evaluate.Report
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err == nil && r.System == "" {
		err = fmt.Errorf("it names no system")
	}
	if err != nil {
		return r, fmt.Errorf("comparison: %s is no report of eqflow eval --json (%w)", path, err)
	}
	return r, nil
}

// shortNames are the last parts of paths, or the paths themselves where those do not differ.
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

// Table has a row for each model, and one for what a perfect model would have, as far as that is known. Energies are the
// evaluations of the target's that training made.
func (c Comparison) Table() figure.Table {
	t := figure.Table{Headers: []string{"model", "flow", "parameters", "NLL / nats", "ESS / %", "log Z", "W2", "energy-W2", "distance-W2",
		"training / s", "energies", "effective / s", "judged"}}
	for _, e := range c {
		judged := "trustworthy"
		if !e.Trustworthy {
			judged = "NOT TRUSTWORTHY"
		} else if e.Samples > 0 && !e.WeightsTrustworthy {
			judged = "weights not trustworthy"
		}
		flow := e.Flow
		if e.Probes > 0 {
			flow += fmt.Sprintf(", divergence from %d probes", e.Probes)
		}
		t.Rows = append(t.Rows, []string{e.Name, flow, fmt.Sprint(e.Parameters), number("%.3f", e.NLL4), number("%.1f", 100*e.ESS),
			withError(e.LogZ, e.LogZError), number("%.3f", e.W2), number("%.3f", e.EnergyW2), number("%.4f", e.DistanceW2),
			number("%.0f", e.TrainingSeconds), fmt.Sprint(e.TrainingEnergies), number("%.3g", e.EffectivePerSec), judged})
	}
	best := c.best()
	t.Rows = append(t.Rows, []string{"(perfect)", "", "", number("%.3f", best.KnownEntropy), "100", number("%.3f", best.KnownLogZ),
		number("%.3f", best.W2Floor), number("%.3f", best.EnergyW2Floor), number("%.4f", best.DistanceW2Floor), "", "", "", ""})
	return t
}

// best holds what is known of a perfect model: from the first report that knows it.
func (c Comparison) best() evaluate.Report {
	best := c[0].Report
	for _, e := range c {
		for _, p := range []struct{ mine, theirs *float64 }{
			{&best.KnownEntropy, &e.KnownEntropy}, {&best.KnownLogZ, &e.KnownLogZ}, {&best.W2Floor, &e.W2Floor},
			{&best.EnergyW2Floor, &e.EnergyW2Floor}, {&best.DistanceW2Floor, &e.DistanceW2Floor},
		} {
			if math.IsNaN(*p.mine) {
				*p.mine = *p.theirs
			}
		}
	}
	return best
}

func number(format string, v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

func withError(v, err float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.3f ± %.3f", v, err)
}

// Figure has a panel of bars each for NLL, ESS, W2 and energy-W2, with what a perfect model would have as dashed lines.
// Panels of what no model has are left out.
func (c Comparison) Figure() figure.Figure {
	best := c.best()
	panels := []panel{
		{"NLL above the entropy / nats", func(e Entry) float64 { return e.NLL4 - best.KnownEntropy }, math.NaN()},
		{"ESS / %", func(e Entry) float64 { return 100 * e.ESS }, 100},
		{"W2", func(e Entry) float64 { return e.W2 }, best.W2Floor},
		{"energy-W2 / kT", func(e Entry) float64 { return e.EnergyW2 }, best.EnergyW2Floor},
	}
	if math.IsNaN(best.KnownEntropy) {
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
	of      func(Entry) float64
	perfect float64 // NaN where it is not known
}

func (p panel) figure(c Comparison) (f figure.Figure, ok bool) {
	var labels []string
	var values []float64
	lo, hi, positive := math.Inf(1), 0.0, true
	for _, e := range c {
		v := p.of(e)
		if math.IsInf(v, 0) {
			v = math.NaN()
		}
		labels, values = append(labels, strings.ReplaceAll(e.Name, ", ", ",\n")), append(values, v)
		positive = positive && !(v <= 0) // an NLL may lie under the entropy, by the noise of the data
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
	return figure.Bars(a, labels, figure.BarSeries{Values: values, ShowValues: true}), ok
}

// MarshalJSON writes the system, the models' reports, and what is known of a perfect model.
func (c Comparison) MarshalJSON() ([]byte, error) {
	best := c.best()
	return json.Marshal(map[string]any{"system": best.System, "models": []Entry(c), "perfect": finite.Fields(perfect{
		best.KnownEntropy, best.KnownLogZ, best.W2Floor, best.EnergyW2Floor, best.DistanceW2Floor,
	})})
}

// perfect is what is known of a perfect model.
type perfect struct {
	NLL        float64 `json:"nll"`
	LogZ       float64 `json:"log_z"`
	W2         float64 `json:"w2"`
	EnergyW2   float64 `json:"energy_w2"`
	DistanceW2 float64 `json:"distance_w2"`
}
