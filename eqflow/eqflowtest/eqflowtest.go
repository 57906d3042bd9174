// Package eqflowtest makes small models for tests, and equal models that another engine computes.
package eqflowtest

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Small is a flow of the kernel field that trains in moments.
var Small = flow.Continuous{Field: dynamics.RadialBasis{Centres: 10, TimeCentres: 3, Width: 1}, Steps: 4}

// Settings returns the settings of a short training with the given number of steps.
func Settings(steps int) train.Settings {
	return train.Settings{
		Steps: steps, Batch: 32, WarmUp: 2, LearningRate: 1e-2, ValidateEvery: 4, CheckpointEvery: 3, Seed: 5,
	}
}

// Data returns 256 configurations of DW4 in equilibrium.
func Data(t testing.TB) particle.Batch {
	t.Helper()
	x, _, err := mcmc.Equilibrium(t.Context(), target.DW4(), 256, mcmc.Auto, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Model returns a generator of DW4 with a flow.
func Model(t testing.TB, backend *xla.Opened, config flow.Config) *eqflow.Model {
	t.Helper()
	return Generator(t, backend, eqflow.Generator{Target: target.DW4(), Flow: config, Seed: 1})
}

// Generator returns the model of a generator.
func Generator(t testing.TB, backend *xla.Opened, g eqflow.Generator) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(backend.Backend, g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Harmonic returns an untrained generator, whose flow is nearly the identity, of four particles in
// a trap of strength k.
func Harmonic(t testing.TB, k float64) *eqflow.Model {
	t.Helper()
	return Generator(t, xlatest.OpenGo(t), eqflow.Generator{
		Target: target.Harmonic{N: 4, D: 2, K: k}, Seed: 1,
		Flow: flow.Continuous{Field: dynamics.RadialBasis{Centres: 8, TimeCentres: 3}, Steps: 4},
	})
}

// InGraphs returns a model with the same parameters that graphs compute.
func InGraphs(t testing.TB, m *eqflow.Model) *eqflow.Model {
	t.Helper()
	g := m.Generator
	g.Engine = engine.Graphs
	other, err := eqflow.New(m.Backend(), g)
	if err != nil {
		t.Fatal(err)
	}
	parameters, err := m.Export()
	if err == nil {
		err = other.Import(parameters)
	}
	if err == nil {
		err = other.SetDivergence(m.Divergence())
	}
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// Devices is the number of devices of Several.
const Devices = 4

// Several opens XLA on the CPU as several devices, and shares a model's work among them.
func Several(t testing.TB, config flow.Config) *eqflow.Model {
	t.Helper()
	o, err := xla.OpenDevices(xlatest.Open(t).Plugin, Devices)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	m := Model(t, o, config)
	if err := m.Share(Devices); err != nil {
		t.Fatal(err)
	}
	return m
}

// Losses trains a model until a step, and returns the loss of each step.
func Losses(
	t testing.TB, m *eqflow.Model, x particle.Batch, s train.Settings, folder string, until int) (losses []float64) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := m.Train(ctx, train.Data{Train: x}, train.Run{Settings: s, Folder: folder, Report: func(p train.Progress) {
		if losses = append(losses, p.StepLoss); p.Step == until {
			cancel()
		}
	}})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return losses
}

// Near fails the test unless the numbers agree to a tolerance, relative to 1 plus the size of the
// number.
func Near(t testing.TB, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: number %d of %d is %.9g, want %.9g", name, i, len(got), got[i], want[i])
		}
	}
}
