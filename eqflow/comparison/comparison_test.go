package comparison

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
)

// written writes three reports: one full, one with a number that is not finite, and one without
// samples. It returns their files.
func written(t *testing.T) []string {
	t.Helper()
	full := evaluate.Report{
		System: "dw4",
		Origin: evaluate.Origin{Flow: "egnn", Parameters: 87680, TrainingSeconds: 300, TrainingEnergies: 5000},
		Check:  evaluate.Check{NLL4: 7.17, Trustworthy: true}, KnownLogZ: 29.667, KnownEntropy: 7.127,
		Weights: evaluate.Weights{Samples: 20000, ESS: 0.964, LogZ: 29.666, LogZError: 0.002, WeightsTrustworthy: true},
		Cost:    evaluate.Cost{EffectivePerSec: 1234},
		Distances: measure.Distances{
			Compared: 2000, W2: 0.3, W2Floor: 0.28, EnergyW2: 0.16, EnergyW2Floor: 0.11,
			DistanceW2: 0.02, DistanceW2Floor: 0.017,
		},
	}
	wild, plain := full, full
	wild.Flow, wild.EnergyW2, wild.NLL4, wild.Trustworthy = "realnvp", math.Inf(1), 113, false
	wild.EnergyW2Spread = math.NaN()
	plain.Flow, plain.Samples, plain.Compared = "kernel", 0, 0
	var paths []string
	for name, r := range map[string]evaluate.Report{"a": full, "b": wild, "c": plain} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, filepath.Join(t.TempDir(), name+".json"))
		if err := os.WriteFile(paths[len(paths)-1], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

func TestTableShowsWhatWasMeasured(t *testing.T) {
	c, err := Read(written(t)...)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"a":         "egnn|87680|7.170|96.4|29.666 ± 0.002|0.300|0.160|0.0200|300|5000|1.23e+03|trustworthy",
		"b":         "realnvp|87680|113.000|96.4|29.666 ± 0.002|0.300|–|0.0200|300|5000|1.23e+03|NOT TRUSTWORTHY",
		"c":         "kernel|87680|7.170|–|–|–|–|–|300|5000|–|trustworthy",
		"(perfect)": "||7.127|100|29.667|0.280|0.110|0.0170||||",
	}
	table := c.Table()
	if len(table.Rows) != len(want) {
		t.Fatalf("%d rows", len(table.Rows))
	}
	for _, row := range table.Rows {
		if got := strings.Join(row[1:], "|"); got != want[row[0]] {
			t.Errorf("%s: %s, want %s", row[0], got, want[row[0]])
		}
	}
	if picture, err := c.Figure().PNG(); err != nil || len(picture) < 1000 {
		t.Errorf("the figure: %v", err)
	}
	text, err := json.Marshal(c)
	var read struct {
		Models []struct {
			Name     string   `json:"name"`
			EnergyW2 *float64 `json:"energy_w2"`
		} `json:"models"`
		Perfect map[string]float64 `json:"perfect"`
	}
	if err != nil || json.Unmarshal(text, &read) != nil || len(read.Models) != 3 || read.Perfect["log_z"] != 29.667 {
		t.Errorf("%v: %s", err, text)
	}
}

// A figure can be drawn when the noise of the data brings an NLL under the entropy.
func TestFigureUnderTheEntropy(t *testing.T) {
	var c Comparison
	for name, nll := range map[string]float64{"under": 7.11, "just over": 7.14, "far over": 9} {
		r := evaluate.Report{System: "dw4"}
		r.NLL4, r.KnownEntropy, r.ESS = nll, 7.127, 0.9
		r.W2, r.EnergyW2, r.W2Floor, r.EnergyW2Floor = 0.3, 0.2, 0.28, 0.11
		c = append(c, Entry{Name: name, Report: r})
	}
	if _, err := c.Figure().PNG(); err != nil {
		t.Error(err)
	}
}

func TestReadRefuses(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, other := write("good.json", `{"system":"dw4"}`), write("other.json", `{"system":"lj13"}`)
	for want, paths := range map[string][]string{
		"one system":      {good, other},
		"no such file":    {filepath.Join(folder, "none")},
		"no report":       {write("odd.json", "[1]")},
		"names no system": {write("empty.json", "{}")},
		"model":           {folder},
	} {
		if _, err := Read(paths...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if names := shortNames([]string{"x/a", "y/a", "b.json"}); strings.Join(names, " ") != "x/a y/a b" {
		t.Errorf("names %v", names)
	}
}
