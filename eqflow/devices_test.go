package eqflow_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

const devices = 4

// several opens XLA on the CPU as several devices, and shares the model's work among them.
func several(t *testing.T, config flow.Config) *eqflow.Model {
	t.Helper()
	o, err := xla.OpenDevices(xlatest.Open(t).Plugin, devices)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	m := newModel(t, o, config)
	if err := m.Share(devices); err != nil {
		t.Fatal(err)
	}
	return m
}

// losses trains until a step and returns the loss of each step.
func losses(t *testing.T, m *eqflow.Model, x particle.Batch, s eqflow.Settings, folder string, until int) (all []float64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := m.Train(ctx, eqflow.Data{Train: x}, eqflow.Run{Settings: s, Folder: folder, Report: func(p eqflow.Progress) {
		if all = append(all, p.StepLoss); p.Step == until {
			cancel()
		}
	}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return all
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: number %d of %d is %.9g, want %.9g", what, i, len(got), got[i], want[i])
		}
	}
}

// Training shared among several devices takes the steps that one device takes, but for rounding: also by the Rényi
// divergence, which is no mean over a batch. What several began, one finishes.
func TestDevicesTrainAsOne(t *testing.T) {
	x, s, folder := data(t), settings(8), t.TempDir()
	s.Renyi = 0.5
	one := func() *eqflow.Model { return newModel(t, xlatest.Open(t), small).InGraphs() }
	got := losses(t, several(t, small), x, s, folder, 5)
	got = append(got, losses(t, one(), x, s, folder, 8)...)
	near(t, "loss", got, losses(t, one(), x, s, "", 8), 2e-5)
}

func TestDevicesMatchFlowsAsOne(t *testing.T) {
	x, s := data(t), settings(8)
	s.Objective = eqflow.FlowMatching
	field := flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 4}, Steps: 1}
	got := losses(t, several(t, field), x, s, "", 8)
	near(t, "loss", got, losses(t, newModel(t, xlatest.Open(t), field), x, s, "", 8), 2e-5)
}

// A trained model draws and scores the same on several devices as on one, whatever part of a block the last device gets.
func TestDevicesSampleAsOne(t *testing.T) {
	one, shared := newModel(t, xlatest.Open(t), small), several(t, small)
	for _, n := range []int{1, 3, 50, 4100} {
		want, err := one.Sample(n, 7)
		if err != nil {
			t.Fatal(err)
		}
		got, err := shared.Sample(n, 7)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "x", got.X.X, want.X.X, 1e-5)
		near(t, "log q", got.LogQ, want.LogQ, 1e-5)
	}
}

func TestDevicesRefuse(t *testing.T) {
	m := several(t, small)
	for _, n := range []int{0, -1, devices + 1} {
		if m.Share(n) == nil {
			t.Errorf("%d devices are no error", n)
		}
	}
	s := settings(2)
	s.Batch = 30
	_, err := m.Train(context.Background(), eqflow.Data{Train: data(t)}, eqflow.Run{Settings: s})
	var wrong *eqflow.SettingsError
	if !errors.As(err, &wrong) {
		t.Errorf("a batch of 30 on %d devices: %v", devices, err)
	}
}
