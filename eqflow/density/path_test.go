package density_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// farthest returns the largest difference of two batches' coordinates.
func farthest(a, b particle.Batch) float64 {
	most := 0.0
	for i, v := range a.X {
		most = max(most, math.Abs(v-b.X[i]))
	}
	return most
}

// A path begins at the prior's draws and ends where many fixed steps of the flow end. The backward
// path visits the same frames, and fewer frames are some of the same frames.
func TestPath(t *testing.T) {
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	run := train.Run{Settings: eqflowtest.Settings(20)}
	if _, err := m.Train(context.Background(), train.Data{Train: eqflowtest.Data(t)}, run); err != nil {
		t.Fatal(err)
	}
	z := m.Prior.Sample(rand.New(rand.NewPCG(1, 2)), 20) // more than the smallest block, fewer than two
	path, err := m.Path(z, 9)
	if err != nil {
		t.Fatal(err)
	}
	x, _, err := m.FromPrior(z, 80)
	if err != nil {
		t.Fatal(err)
	}
	if moved := farthest(x, z); moved < 0.1 {
		t.Fatalf("the flow moves coordinates by at most %g", moved)
	}
	if gap := max(farthest(path[0], z), farthest(path[8], x)); gap > 2e-4 {
		t.Errorf("the ends deviate by %g from the prior's draws and their images", gap)
	}
	back, err := m.PathToPrior(path[8], 9)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(back)
	coarse, err := m.Path(z, 3)
	if err != nil {
		t.Fatal(err)
	}
	for k := range path {
		if gap := farthest(path[k], back[k]); gap > 2e-4 {
			t.Errorf("frame %d deviates by %g from the backward path", k, gap)
		}
	}
	if gap := farthest(path[4], coarse[1]); gap > 2e-4 {
		t.Errorf("the middle frame deviates by %g from the middle one of three", gap)
	}
}

func TestPathErrors(t *testing.T) {
	backend := xlatest.OpenGo(t)
	m, x := eqflowtest.Model(t, backend, eqflowtest.Small), particle.NewBatch(3, 4, 2)
	if _, err := eqflowtest.Model(t, backend, flow.Coupling{Blocks: 2, Hidden: 4}).Path(x, 5); err == nil {
		t.Error("no error for a coupling flow, which has no path")
	}
	if _, err := m.Path(x, 1); err == nil {
		t.Error("no error for one frame")
	}
	if _, err := m.PathToPrior(particle.NewBatch(3, 5, 2), 5); err == nil {
		t.Error("no error for five particles in a model of four")
	}
}
