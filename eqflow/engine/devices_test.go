package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

const devices = eqflowtest.Devices

// Training on several devices takes the same steps as training on one device, up to rounding. This
// holds for the Rényi divergence too, which is not a mean over a batch. One device finishes a run
// that several devices began.
func TestDevicesTrainAsOne(t *testing.T) {
	x, s, folder := eqflowtest.Data(t), eqflowtest.Settings(8), t.TempDir()
	s.Objective = train.Likelihood{Renyi: 0.5}
	one := func() *eqflow.Model {
		return eqflowtest.InGraphs(t, eqflowtest.Model(t, xlatest.Open(t), eqflowtest.Small))
	}
	got := eqflowtest.Losses(t, eqflowtest.Several(t, eqflowtest.Small), x, s, folder, 5)
	got = append(got, eqflowtest.Losses(t, one(), x, s, folder, 8)...)
	eqflowtest.Near(t, "loss", got, eqflowtest.Losses(t, one(), x, s, "", 8), 2e-5)
}

func TestDevicesMatchFlowsAsOne(t *testing.T) {
	x, s := eqflowtest.Data(t), eqflowtest.Settings(8)
	s.Objective = train.Matching{}
	field := flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 4}, Steps: 1}
	got := eqflowtest.Losses(t, eqflowtest.Several(t, field), x, s, "", 8)
	want := eqflowtest.Losses(t, eqflowtest.Model(t, xlatest.Open(t), field), x, s, "", 8)
	eqflowtest.Near(t, "loss", got, want, 2e-5)
}

// A model draws and scores the same on several devices as on one, whatever part of a block the last
// device gets.
func TestDevicesSampleAsOne(t *testing.T) {
	one, shared := eqflowtest.Model(t, xlatest.Open(t), eqflowtest.Small), eqflowtest.Several(t, eqflowtest.Small)
	for _, n := range []int{1, 3, 50, 4100} {
		want, err := one.Sample(n, 7)
		if err != nil {
			t.Fatal(err)
		}
		got, err := shared.Sample(n, 7)
		if err != nil {
			t.Fatal(err)
		}
		eqflowtest.Near(t, "x", got.X.X, want.X.X, 1e-5)
		eqflowtest.Near(t, "log q", got.LogQ, want.LogQ, 1e-5)
	}
}

func TestDevicesRefuse(t *testing.T) {
	m := eqflowtest.Several(t, eqflowtest.Small)
	for _, n := range []int{0, -1, devices + 1} {
		if m.Share(n) == nil {
			t.Errorf("no error for %d devices", n)
		}
	}
	s := eqflowtest.Settings(2)
	s.Batch = 30
	_, err := m.Train(context.Background(), train.Data{Train: eqflowtest.Data(t)}, train.Run{Settings: s})
	var wrong *train.SettingsError
	if !errors.As(err, &wrong) {
		t.Errorf("a batch of 30 on %d devices: %v", devices, err)
	}
}
