package engine_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Exported parameters make another model equal to the first; parameters of another flow give an
// error.
func TestImportReadsTheOutputOfExport(t *testing.T) {
	backend := xlatest.OpenGo(t)
	from := eqflowtest.Model(t, backend, eqflowtest.Small)
	to, err := eqflow.New(backend.Backend, eqflow.Generator{Target: from.Target, Flow: eqflowtest.Small, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	x := from.Prior.Sample(rand.New(rand.NewPCG(3, 3)), 4)
	want, _ := from.LogProb(x, 0)
	if other, _ := to.LogProb(x, 0); other[0] == want[0] {
		t.Fatal("the models agree before the import")
	}
	parameters, err := from.Export()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Import(parameters); err != nil {
		t.Fatal(err)
	}
	got, _ := to.LogProb(x, 0)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("log-density %g, want %g", got[i], want[i])
		}
	}
	if err := to.Import(parameters[1:]); !errors.Is(err, dataset.ErrInput) {
		t.Errorf("a missing parameter: %v", err)
	}
}

// The gradient equals the slope of the loss along itself, for an objective that uses all of its
// inputs.
func TestLossHasItsGradient(t *testing.T) {
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	rng := rand.New(rand.NewPCG(4, 4))
	in := engine.Inputs{X: m.Prior.Sample(rng, 64), Z: m.Prior.Sample(rng, 64)}
	for range 64 {
		in.T = append(in.T, rng.Float64())
	}
	s := train.Settings{Objective: train.Matching{}}
	_, gradient, err := m.Loss(s, in)
	if err != nil {
		t.Fatal(err)
	}
	square := 0.0
	for _, g := range gradient {
		for _, v := range g.Float64s() {
			square += v * v
		}
	}
	const step = 1e-2 // small for the curvature of the loss, large for the rounding of float32
	losses := map[float64]float64{}
	start, _ := m.Export()
	for _, sign := range []float64{-1, 1} {
		moved := dataset.Arrays{}
		for k, p := range start {
			values := make([]float32, p.Len())
			for i := range values {
				values[i] = p.F32[i] + float32(sign*step/math.Sqrt(square)*gradient[k].Float64s()[i])
			}
			moved = append(moved, dataset.Float32(p.Name, values, p.Shape...))
		}
		if err := m.Import(moved); err != nil {
			t.Fatal(err)
		}
		if losses[sign], _, err = m.Loss(s, in); err != nil {
			t.Fatal(err)
		}
	}
	slope := (losses[1] - losses[-1]) / (2 * step)
	if e := math.Abs(slope/math.Sqrt(square) - 1); !(e < 1e-2) {
		t.Errorf("slope %g along a gradient of length %g", slope, math.Sqrt(square))
	}
}
