package evaluate_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
)

// A nearly perfect model of the harmonic system reaches the floor that its data set, and the report
// counts its cost.
func TestEvaluateComparesWithTheData(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	data := m.Prior.Sample(rand.New(rand.NewPCG(2, 2)), 1000)
	rg, err := measure.ParseVariable("rg", 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	o := evaluate.Options{Samples: new(2000), Compare: new(300), Variables: []measure.Variable{rg}, Bootstrap: 50}
	r, err := m.Evaluate(data, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Compared != 300 || !(r.W2 < 1.2*r.W2Floor) || !(r.EnergyW2 < 3*r.EnergyW2Floor+0.1) ||
		!(r.EnergyW2Reweighted < 0.5) {
		t.Errorf("distances %+v", r.Distances)
	}
	if r.Flow != "kernel" || r.EnergyEvaluations != 2000 || !(r.EffectivePerSec > 0) || r.Parameters == 0 {
		t.Errorf("%+v, %+v", r.Origin, r.Cost)
	}
	if len(r.Radial) != 1 || len(r.FreeEnergies) != 1 {
		t.Fatalf("%d functions and %d profiles", len(r.Radial), len(r.FreeEnergies))
	}
	if sigmas, _ := r.FreeEnergies[0].LargestDeviation(); !(sigmas < 4.5) {
		t.Errorf("the free energy is %g standard errors off", sigmas)
	}
	// Some bins of a profile are always empty. Their infinite errors must survive as null.
	text, err := json.Marshal(r)
	var back evaluate.Report
	if err != nil || json.Unmarshal(text, &back) != nil {
		t.Fatalf("%v: cannot read %s", err, text)
	}
	if back.NLL != r.NLL || back.W2 != r.W2 || back.Compared != 300 {
		t.Errorf("the report is read as %+v", back)
	}
}

// Numbers that are not finite are written as null and read as NaN, and parts that were not measured
// are omitted.
func TestReportsKeepUnknownNumbers(t *testing.T) {
	text, err := json.Marshal(evaluate.Report{System: "x", Check: evaluate.Check{NLL: math.Inf(1)}})
	if err != nil || !strings.Contains(string(text), `"nll":null`) {
		t.Errorf("%s, %v", text, err)
	}
	for _, omitted := range []string{`"ess"`, `"w2"`} {
		if strings.Contains(string(text), omitted) {
			t.Errorf("%s holds %s", text, omitted)
		}
	}
	var r evaluate.Report
	err = json.Unmarshal(text, &r)
	if err != nil || !math.IsNaN(r.NLL) || !math.IsNaN(r.ESS) || !math.IsNaN(r.W2) || r.NLL2 != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A cancelled context ends the alignments too.
func TestWatchStopsTheComparison(t *testing.T) {
	m := eqflowtest.Harmonic(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	m.Watch(ctx, func(_, total int) {
		if total == 40 { // rows of the alignments, not blocks of samples
			cancel()
		}
	})
	data := m.Prior.Sample(rand.New(rand.NewPCG(3, 2)), 50)
	_, err := m.Evaluate(data, evaluate.Options{Samples: new(64), Compare: new(40)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
