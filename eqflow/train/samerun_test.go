package train_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A run that its folder refuses learns the settings that differ, and no others.
func TestRefusalNamesWhatDiffers(t *testing.T) {
	folder, data, run := trainedFolder(t)
	wider := eqflowtest.Small
	wider.Steps = 5
	half := 0.5
	set := func(change func(r *train.Run)) func(*train.Run, *train.Data, *flow.Config) {
		return func(r *train.Run, _ *train.Data, _ *flow.Config) { change(r) }
	}
	for want, change := range map[string]func(*train.Run, *train.Data, *flow.Config){
		"other settings (steps 4, not 6)":                  set(func(r *train.Run) { r.Steps, r.ValidateEvery = 6, 6 }),
		"other settings (seed 5, not 7)":                   set(func(r *train.Run) { r.Seed = 7 }),
		"other settings (learning rate 0.01, not 0.02)":    set(func(r *train.Run) { r.LearningRate = 0.02 }),
		"other settings (average 0.999, not 0.5)":          set(func(r *train.Run) { r.Average = &half }),
		"other settings (optimizer the default, not muon)": set(func(r *train.Run) { r.Optimizer = train.Muon }),
		"other settings (objective likelihood, not energy), with data, and now there is none": func(
			r *train.Run, d *train.Data, _ *flow.Config,
		) {
			r.Objective, d.Train = train.Energy{}, d.Train.Slice(0, 0)
		},
		"other settings (seed of the first parameters 1, not 4)": set(func(*train.Run) {}),
		"other data": func(_ *train.Run, d *train.Data, _ *flow.Config) {
			d.Train = d.Train.Slice(0, 99)
		},
		"no validation data": func(_ *train.Run, d *train.Data, _ *flow.Config) {
			d.Validation = d.Train
		},
		"another flow (solver steps 4, not 5)": func(_ *train.Run, _ *train.Data, f *flow.Config) {
			*f = wider
		},
		"another flow (kernel, not realnvp)": func(_ *train.Run, _ *train.Data, f *flow.Config) {
			*f = flow.Coupling{Blocks: 2, Hidden: 8}
		},
	} {
		r, d, f := run, data, flow.Config(eqflowtest.Small)
		change(&r, &d, &f)
		m := eqflowtest.Model(t, xlatest.OpenGo(t), f)
		if strings.Contains(want, "first parameters") {
			m.Seed += 3
		}
		_, err := m.Train(t.Context(), d, r)
		whole := "eqflow: the folder holds another model: " + filepath.Join(folder, "model.npz") +
			" was trained with " + want + "; give another folder, or remove this one"
		if !errors.Is(err, train.ErrOtherModel) || err.Error() != whole {
			t.Errorf("got  %v\nwant %s", err, whole)
		}
	}
}

// A loss that is not finite speaks of a checkpoint only if there is one, and a damaged checkpoint
// says to remove it.
func TestWordsAboutCheckpoints(t *testing.T) {
	folder, data := t.TempDir(), train.Data{Train: eqflowtest.Data(t)}
	run := train.Run{Settings: eqflowtest.Settings(9), Folder: folder}
	far := data.Train.Clone()
	for k := range far.X {
		far.X[k] *= math.MaxFloat32
	}
	_, err := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small).Train(t.Context(), train.Data{Train: far}, run)
	if err == nil || !strings.Contains(err.Error(), "the loss is") || strings.Contains(err.Error(), "checkpoint") {
		t.Errorf("before the first checkpoint: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	run.Report = func(train.Progress) { cancel() }
	_, err = eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small).Train(ctx, data, run)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "checkpoint.npz")
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	_, err = eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small).Train(t.Context(), data, run)
	if !errors.Is(err, dataset.ErrInput) || !strings.Contains(err.Error(), path+" is a damaged or cut .npz") ||
		!strings.Contains(err.Error(), "; remove it") {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}
