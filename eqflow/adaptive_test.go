package eqflow_test

import (
	"context"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The adaptive solve and many fixed steps must tell the same log-densities, on both backends.
func TestAdaptiveAgreesWithManySteps(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		x := data(t)
		m := newModel(t, backend, small)
		if _, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: settings(10)}); err != nil {
			t.Fatal(err)
		}
		few := x.Slice(0, 10)
		want, err := m.LogProb(few, 80)
		if err != nil {
			t.Fatal(err)
		}
		got, steps, err := m.LogProbAdaptive(few, ode.Adaptive{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-3 {
				t.Errorf("log q is %g in %d adaptive steps, %g in 80 fixed ones", got[i], steps, want[i])
			}
		}
	})
}
