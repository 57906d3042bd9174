package density_test

import (
	"context"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The adaptive solve and many fixed steps give the same log-densities, on both backends, for a
// trained flow, which is not the identity.
func TestAdaptiveAgreesWithManySteps(t *testing.T) {
	x, folder := eqflowtest.Data(t), t.TempDir()
	trained := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	run := train.Run{Settings: eqflowtest.Settings(20), Folder: folder}
	if _, err := trained.Train(context.Background(), train.Data{Train: x}, run); err != nil {
		t.Fatal(err)
	}
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		m, _, err := eqflow.Load(backend.Backend, folder)
		if err != nil {
			t.Fatal(err)
		}
		few := x.Slice(0, 10)
		want, err := m.LogProb(few, 80)
		if err != nil {
			t.Fatal(err)
		}
		for _, control := range []ode.Adaptive{{}, {Tolerance: 1e-6}} {
			got, steps, err := m.LogProbAdaptive(few, control)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if math.Abs(got[i]-want[i]) > 1e-3 {
					t.Errorf("log q is %g in %d adaptive steps, %g in 80 fixed ones", got[i], steps, want[i])
				}
			}
		}
	})
}

func TestAdaptiveErrors(t *testing.T) {
	backend := xlatest.OpenGo(t)
	m, x := eqflowtest.Model(t, backend, eqflowtest.Small), particle.NewBatch(3, 4, 2)
	coupling := eqflowtest.Model(t, backend, flow.Coupling{Blocks: 2, Hidden: 4})
	if _, _, err := coupling.LogProbAdaptive(x, ode.Adaptive{}); err == nil {
		t.Error("no error for a coupling flow, which has no solver")
	}
	if _, _, err := m.LogProbAdaptive(particle.NewBatch(3, 5, 2), ode.Adaptive{}); err == nil {
		t.Error("no error for five particles in a model of four")
	}
	if _, _, err := m.LogProbAdaptive(x, ode.Adaptive{Tolerance: -1}); err == nil {
		t.Error("no error for a negative tolerance")
	}
}
