package eqflow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The EGNN's regression and its gradient in C are those of the graphs, whatever the layers, the harmonics, the forces and the batch.
func TestMatchingInCIsTheGraphs(t *testing.T) {
	backend := xlatest.OpenGo(t)
	for name, c := range map[string]struct {
		field    dynamics.EGNN
		settings eqflow.Settings
		size     int
	}{
		"as it comes":           {dynamics.EGNN{}, eqflow.Settings{}, 20},
		"forces and harmonics":  {dynamics.EGNN{Harmonics: 2}, eqflow.Settings{Forces: true}, 5},
		"one layer":             {dynamics.EGNN{Layers: 1, Hidden: 32}, eqflow.Settings{}, 16},
		"four wide layers":      {dynamics.EGNN{Layers: 4, Hidden: 96, Middle: 2}, eqflow.Settings{}, 9},
		"one configuration":     {dynamics.EGNN{Layers: 2}, eqflow.Settings{}, 1},
		"annealed, with forces": {dynamics.EGNN{Layers: 2}, eqflow.Settings{Objective: eqflow.Annealed}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := egnn.New(c.field, 4, 2); !ok {
				t.Skip("there is no C here: no cgo, or no AVX2")
			}
			m := newModel(t, backend, flow.Continuous{Field: c.field})
			rng := rand.New(rand.NewPCG(1, 2))
			parameters, err := m.Export()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parameters { // far from the first values, where whole parts of the gradient are zero
				for k := range p.F32 {
					p.F32[k] += 0.1 * float32(rng.NormFloat64())
				}
			}
			if err := m.Import(parameters); err != nil {
				t.Fatal(err)
			}
			in := eqflow.Inputs{X: m.Prior.Sample(rng, c.size), Z: m.Prior.Sample(rng, c.size), Slopes: m.Prior.Sample(rng, c.size), Stiffness: 3}
			for range c.size {
				in.T = append(in.T, rng.Float64())
			}
			if c.settings.Objective == "" {
				c.settings.Objective = eqflow.FlowMatching
			}
			loss, gradient, err := m.Loss(c.settings, in)
			if err != nil {
				t.Fatal(err)
			}
			want, wants, err := m.InGraphs().Loss(c.settings, in)
			if err != nil {
				t.Fatal(err)
			}
			if !(math.Abs(loss-want) < 2e-6*math.Abs(want)) {
				t.Errorf("loss %.8g, want %.8g", loss, want)
			}
			for k, g := range gradient {
				norm := 0.0
				for _, v := range wants[k].Float64s() {
					norm = math.Max(norm, math.Abs(v))
				}
				if e := far(g.Float64s(), wants[k].Float64s()); norm == 0 || !(e < 3e-5*norm) {
					t.Errorf("gradient by %s differs by %.2g of %.2g", g.Name, e, norm)
				}
			}
		})
	}
}
