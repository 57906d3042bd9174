package train_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A molecule in internal coordinates trains by likelihood and conditional path gradients. A run
// that stops and resumes ends with the parameters of one that does not stop. Each step evaluates
// the energy once for each draw.
func TestConditionalPathGradientsResume(t *testing.T) {
	const file = "../molecule/testdata/ff99sbildn-obc"
	target, err := ensemble.Read(file+".xml", 0, molecule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Read(file+".npz", target.Particles(), 3)
	if err != nil {
		t.Fatal(err)
	}
	shape := ensemble.ShapeOf(target.System())
	z, err := zmatrix.FromShape(shape)
	if err != nil {
		t.Fatal(err)
	}
	chart, err := zmatrix.Fit(z, z.Circles(shape), set.Batch)
	if err != nil {
		t.Fatal(err)
	}
	g := eqflow.Generator{Target: target, Flow: flow.Internal{Chart: chart, Blocks: 2, Hidden: 8, Circles: 4, Bins: 4}}
	run := func(stops ...int) (dataset.Arrays, train.History) {
		m, err := eqflow.New(xlatest.OpenGo(t).Backend, g)
		if err != nil {
			t.Fatal(err)
		}
		s := train.Settings{Objective: train.Mixture{Path: true}, Steps: 6, Batch: 4}
		r := train.Run{Settings: s, Folder: t.TempDir()}
		for _, stop := range stops {
			ctx, cancel := context.WithCancel(context.Background())
			r.Report = func(p train.Progress) {
				if p.Step == stop {
					cancel()
				}
			}
			if _, err := m.Train(ctx, train.Data{Train: set.Batch}, r); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if m, err = eqflow.New(xlatest.OpenGo(t).Backend, g); err != nil {
				t.Fatal(err)
			}
		}
		r.Report = nil
		history, err := m.Train(context.Background(), train.Data{Train: set.Batch}, r)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Export()
		if err != nil {
			t.Fatal(err)
		}
		return out, history
	}
	whole, history := run()
	resumed, _ := run(3)
	for k, a := range whole {
		if !slices.Equal(a.F32, resumed[k].F32) {
			t.Errorf("%s differs after the resumed run", a.Name)
		}
	}
	if history.Energies != 6*4 {
		t.Errorf("%d energies were evaluated, not 24", history.Energies)
	}
}
