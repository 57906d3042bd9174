package eqflow_test

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// systems has one system of each kind, and a relabelling that is not a symmetry of it, if there is
// one. A new kind is a row here.
var systems = []struct {
	name   string
	breaks []int
}{
	{"dw4", nil}, {"lj4", nil}, {"harmonic3x2", nil}, {"lj2+2", []int{2, 1, 0, 3}}, {"chain4", []int{1, 0, 2, 3}},
}

// A model says what it is in a line.
func TestModelSaysWhatItIs(t *testing.T) {
	x := target.DW4()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: x})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.String(), "a generator of dw4: 4 particles in 2 dimensions, not trained"; got != want {
		t.Errorf("before training: %q, want %q", got, want)
	}
	data := train.Data{Train: m.PriorDraws(64, 1)}
	run := train.Run{Settings: train.Settings{Steps: 2, Batch: 16}}
	if _, err := m.Train(context.Background(), data, run); err != nil {
		t.Fatal(err)
	}
	const trained = "a generator of dw4: 4 particles in 2 dimensions, trained: 2 steps in "
	if got := m.String(); !strings.HasPrefix(got, trained) {
		t.Errorf("after training: %q, want %q", got, trained)
	}
}

// After training on data without symmetry, an equivariant flow gives the same density to a
// configuration and to its copies by the system's symmetries, and another density to other
// relabellings.
func TestTrainedFlowsKeepTheSystemsSymmetries(t *testing.T) {
	fields := map[string]dynamics.Config{
		"kernel": dynamics.RadialBasis{Centres: 12}, "egnn": dynamics.EGNN{Layers: 2, Hidden: 8},
		"onehop": dynamics.OneHop{Hidden: 8, Channels: 2},
	}
	for name, field := range fields {
		for _, s := range systems {
			t.Run(name+" of "+s.name, func(t *testing.T) {
				checkSymmetries(t, xlatest.OpenGo(t), field, s.name, s.breaks)
			})
		}
	}
}

// checkSymmetries trains a flow of a system, and compares log q of configurations and of their
// copies.
func checkSymmetries(t *testing.T, backend *xla.Opened, field dynamics.Config, system string, breaks []int) {
	tg, err := target.Parse(system)
	if err != nil {
		t.Fatal(err)
	}
	m, err := eqflow.New(backend.Backend, eqflow.Generator{
		Target: tg, Flow: flow.Continuous{Field: field, Steps: 4}, Seed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	data := m.Prior.Sample(rng, 64)
	for i := range data.Len() { // moves the first particle out, and the last one to the centre
		x := data.At(i)
		for k := range data.D {
			x[k] = 3*x[k] + 2
			x[len(x)-1-k] *= 0.2
		}
	}
	run := train.Run{Settings: train.Settings{
		Objective: train.Matching{}, Steps: 30, Batch: 32, LearningRate: 0.02, WarmUp: 1, Average: new(0.0), Seed: 1,
	}}
	if _, err := m.Train(context.Background(), train.Data{Train: data.RemoveMean()}, run); err != nil {
		t.Fatal(err)
	}
	x := data.Slice(0, 8)
	want := mustLogProb(t, m, x)
	perm := target.RelabellingOf(tg).Random(rng, data.N)
	if target.RelabellingOf(tg).Chain {
		perm = []int{3, 2, 1, 0}
	}
	copies := relabelled(x, perm)
	for i := range copies.Len() {
		particle.Rotate(copies.At(i), particle.RandomRotation(rng, data.D, true), data.D)
	}
	if gap := largestGap(mustLogProb(t, m, copies), want); gap > 2e-4 { // float32
		t.Errorf("log q of a copy by %v differs by %g", perm, gap)
	}
	if breaks == nil {
		return
	}
	if gap := largestGap(mustLogProb(t, m, relabelled(x, breaks)), want); gap < 0.02 {
		t.Errorf("log q of %v differs by only %g", breaks, gap)
	}
}

func mustLogProb(t *testing.T, m *eqflow.Model, x particle.Batch) []float64 {
	t.Helper()
	logProb, err := m.LogProb(x, 0)
	if err != nil {
		t.Fatal(err)
	}
	return logProb
}

func relabelled(x particle.Batch, perm []int) particle.Batch {
	b := x.Clone()
	for i := range b.Len() {
		copy(b.At(i), particle.Relabel(b.At(i), b.D, perm))
	}
	return b
}

func largestGap(a, b []float64) float64 {
	gap := 0.0
	for i := range a {
		gap = max(gap, math.Abs(a[i]-b[i]))
	}
	return gap
}
