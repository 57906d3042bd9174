package flow_test

import (
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/flow/flowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

func TestConformance(t *testing.T) {
	kernel := dynamics.RadialBasis{Centres: 8, TimeCentres: 3, Width: 1.2}
	onehop := dynamics.OneHop{Centres: 6, Hidden: 8, Channels: 2, Tensors: 1}
	for _, c := range []struct {
		name      string
		config    flow.Config
		tolerance float64
	}{
		{"coupling", flow.Coupling{Blocks: 4, Hidden: 12}, 1e-10},
		{"kernel", flow.Continuous{Field: kernel, Steps: 20}, 1e-5},
		{"kernel by dopri5", flow.Continuous{Field: kernel, Solver: ode.Dopri5, Steps: 10}, 1e-5},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 2, Hidden: 8}, Steps: 12}, 1e-5},
		{"onehop", flow.Continuous{Field: onehop, Steps: 24}, 1e-5},
		{"mlp", flow.Continuous{Field: dynamics.MLP{Hidden: 8}, Steps: 12}, 1e-5},
	} {
		t.Run(c.name, func(t *testing.T) {
			xlatest.Each(t, func(t *testing.T, backend *xla.Opened) { flowtest.Run(t, backend, c.config, c.tolerance) })
		})
	}
}
