package train_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The folder of an unfinished run loads as the moving average of its parameters if the run keeps an
// average, and as the parameters themselves if not. This holds for any names of the parameters.
func TestUnfinishedRunLoads(t *testing.T) {
	backend, x := xlatest.OpenGo(t), eqflowtest.Data(t)
	flows := map[string]flow.Config{"kernel": eqflowtest.Small, "realnvp": flow.Coupling{Blocks: 2, Hidden: 8}}
	for name, config := range flows {
		for decay, scope := range map[float64]string{0.5: "average", 0: "flow"} {
			t.Run(name+" with "+scope, func(t *testing.T) {
				folder, again := t.TempDir(), t.TempDir()
				s := eqflowtest.Settings(10)
				s.Average = &decay
				ctx, cancel := context.WithCancel(context.Background())
				_, err := eqflowtest.Model(t, backend, config).Train(ctx, train.Data{Train: x}, train.Run{
					Settings: s, Folder: folder, Report: func(p train.Progress) {
						if p.Step == 4 {
							cancel()
						}
					}})
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("stopped run returned %v", err)
				}
				m, _, err := eqflow.Load(backend.Backend, folder)
				if err != nil {
					t.Fatal(err)
				}
				if m.Trained() != 4 {
					t.Errorf("%d steps taken, want 4", m.Trained())
				}
				if err := m.Save(again); err != nil {
					t.Fatal(err)
				}
				sameScope(t, filepath.Join(again, "model.npz"), filepath.Join(folder, "checkpoint.npz"), scope)
			})
		}
	}
}

// sameScope compares a model's parameters with the parameters of a checkpoint in a scope.
func sameScope(t *testing.T, modelPath, checkpointPath, scope string) {
	t.Helper()
	saved, err := dataset.ReadArrays(modelPath)
	if err != nil {
		t.Fatal(err)
	}
	checkpoint, err := dataset.ReadArrays(checkpointPath)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, a := range saved {
		if a.F32 == nil {
			continue
		}
		want, ok := checkpoint.Get(scope + a.Name[len("flow"):])
		if !ok {
			t.Fatalf("no %s among %v", a.Name, checkpoint.Names())
		}
		for i := range a.F32 {
			if a.F32[i] != want.F32[i] {
				t.Fatalf("%s holds %g at %d, the checkpoint's %s %g", a.Name, a.F32[i], i, scope, want.F32[i])
			}
		}
		compared++
	}
	if compared == 0 {
		t.Error("no parameters")
	}
}

// The same seed trains to the same bytes, and another seed to other bytes. A loaded model gives the
// same log q as the saved one.
func TestSeedDeterminesTheModel(t *testing.T) {
	backend, x := xlatest.OpenGo(t), eqflowtest.Data(t)
	train := func(seed uint64) (*eqflow.Model, string) {
		m, folder, s := eqflowtest.Model(t, backend, eqflowtest.Small), t.TempDir(), eqflowtest.Settings(4)
		s.Seed = seed
		_, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s, Folder: folder})
		if err != nil {
			t.Fatal(err)
		}
		return m, folder
	}
	m, first := train(5)
	_, second := train(5)
	sameParameters(t, filepath.Join(second, "model.npz"), filepath.Join(first, "model.npz"))
	other, _ := train(6)
	loaded, _, err := eqflow.Load(backend.Backend, first)
	if err != nil {
		t.Fatal(err)
	}
	some := x.Slice(0, 12)
	want, err := m.LogProb(some, 0)
	got, errLoaded := loaded.LogProb(some, 0)
	others, errOther := other.LogProb(some, 0)
	if err := errors.Join(err, errLoaded, errOther); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("log q of the loaded model is %g, was %g", got[i], want[i])
		}
		if others[i] == want[i] || math.IsNaN(others[i]) {
			t.Errorf("another seed gave log q %g", others[i])
		}
	}
}

// A damaged or missing file gives an error. For a missing file it wraps dataset.ErrInput.
func TestDamagedFolderIsRefused(t *testing.T) {
	backend, folder := xlatest.OpenGo(t), t.TempDir()
	if _, _, err := eqflow.Load(backend.Backend, folder); !errors.Is(err, dataset.ErrInput) {
		t.Errorf("empty folder: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "model.npz"), []byte("no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := eqflow.Load(backend.Backend, folder); err == nil {
		t.Error("a damaged file was read")
	}
}
