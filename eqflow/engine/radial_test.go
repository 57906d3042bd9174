package engine_test

import (
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// trained returns a kernel model with the parameters of the reference problem, which move
// configurations appreciably, and its data.
func trained(t *testing.T, backend *xla.Opened) (*eqflow.Model, particle.Batch) {
	t.Helper()
	m := eqflowtest.Model(t, backend, flow.Continuous{})
	arrays, err := dataset.ReadArrays("../../bench/reference/DW4.npz")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Import(arrays); err != nil {
		t.Fatal(err)
	}
	data, _ := arrays.Get("data")
	return m, particle.Batch{X: data.Float64s(), N: 4, D: 2}
}

// largestDifference returns the largest difference of two results.
func largestDifference(a, b []float64) float64 {
	worst := 0.0
	for i := range b {
		worst = math.Max(worst, math.Abs(a[i]-b[i]))
	}
	return worst
}

// The flow in plain Go agrees with the graphs up to the rounding of float32: forward, inverse, in
// fewer steps, and over a part of the flow.
func TestTablesAgreeWithGraphs(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		m, x := trained(t, backend)
		x = x.Slice(0, 16)
		graphs, _ := trained(t, backend)
		graphs = eqflowtest.InGraphs(t, graphs)
		for name, apply := range map[string]func(*eqflow.Model) (particle.Batch, []float64, error){
			"to the prior":   func(m *eqflow.Model) (particle.Batch, []float64, error) { return m.ToPrior(x, 0) },
			"from the prior": func(m *eqflow.Model) (particle.Batch, []float64, error) { return m.FromPrior(x, 0) },
			"in fewer steps": func(m *eqflow.Model) (particle.Batch, []float64, error) { return m.ToPrior(x, 5) },
			"half of the flow": func(m *eqflow.Model) (particle.Batch, []float64, error) {
				p, err := m.Path(x, 3)
				return p[1], nil, err
			},
		} {
			want, wantLog, err := apply(graphs)
			if err != nil {
				t.Fatal(err)
			}
			got, gotLog, err := apply(m)
			if err != nil {
				t.Fatal(err)
			}
			if e := largestDifference(got.X, want.X); !(e < 1e-5) {
				t.Errorf("%s: configurations differ by %.2g", name, e)
			}
			if e := largestDifference(gotLog, wantLog); !(e < 5e-5) {
				t.Errorf("%s: log-densities differ by %.2g", name, e)
			}
		}
	})
}

// The graphs solve a flow that no table represents.
func TestNarrowRadialBasisFunctionsFallBackOnGraphs(t *testing.T) {
	m, x := trained(t, xlatest.OpenGo(t))
	parameters, _ := m.Export()
	widths, _ := parameters.Get("neg_log_gammas")
	for k := range widths.F32 {
		widths.F32[k] = 7 // e^-7
	}
	if err := m.Import(parameters); err != nil {
		t.Fatal(err)
	}
	got, err := m.LogProb(x.Slice(0, 3), 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := eqflowtest.InGraphs(t, m).LogProb(x.Slice(0, 3), 2)
	if e := largestDifference(got, want); err != nil || e != 0 {
		t.Errorf("log-densities differ by %.2g, %v", e, err)
	}
}

// agreesWithGraphs holds the loss and its gradient against the same model on the graphs. The
// tolerances are relative: to the loss, and to the largest entry of each parameter's gradient.
func agreesWithGraphs(
	t *testing.T, m *eqflow.Model, s train.Settings, in engine.Inputs, ofLoss, ofGradient float64,
) {
	t.Helper()
	loss, gradient, err := m.Loss(s, in)
	if err != nil {
		t.Fatal(err)
	}
	want, wantGradient, err := eqflowtest.InGraphs(t, m).Loss(s, in)
	if err != nil {
		t.Fatal(err)
	}
	if !(math.Abs(loss-want) < ofLoss*math.Abs(want)) {
		t.Errorf("loss %.8g, want %.8g", loss, want)
	}
	for k, g := range gradient {
		norm := 0.0
		for _, v := range wantGradient[k].Float64s() {
			norm = math.Max(norm, math.Abs(v))
		}
		if e := largestDifference(g.Float64s(), wantGradient[k].Float64s()); !(e < ofGradient*norm) {
			t.Errorf("gradient by %s differs by %.2g of %.2g", g.Name, e, norm)
		}
	}
}

// Every objective and its gradient in plain Go agree with the graphs.
func TestObjectivesInPlainGoAgreeWithGraphs(t *testing.T) {
	backend := xlatest.OpenGo(t)
	for name, s := range map[string]train.Settings{
		"likelihood":            {},
		"no penalty":            {Objective: train.Likelihood{Penalty: new(0.0)}},
		"likelihood with Rényi": {Objective: train.Likelihood{Renyi: 0.5}},
		"energy":                {Objective: train.Energy{Cut: 5}},
		"mixture":               {Objective: train.Mixture{Share: 0.3, Renyi: 0.2}},
	} {
		t.Run(name, func(t *testing.T) {
			m, x := trained(t, backend)
			in := engine.Inputs{X: x.Slice(0, 20), Z: x.Slice(20, 40)}
			agreesWithGraphs(t, m, s, in, 4e-6, 3e-5)
		})
	}
}
