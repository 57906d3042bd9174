package train_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// trainedFolder is the folder of a short training, and what the training takes.
func trainedFolder(t *testing.T) (folder string, data train.Data, run train.Run) {
	t.Helper()
	folder, data = t.TempDir(), train.Data{Train: eqflowtest.Data(t)}
	run = train.Run{Settings: eqflowtest.Settings(4), Folder: folder}
	if _, err := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small).Train(t.Context(), data, run); err != nil {
		t.Fatal(err)
	}
	return folder, data, run
}

// arrayAt returns the array of a name, to change it.
func arrayAt(arrays dataset.Arrays, name string) *dataset.Array {
	for k := range arrays {
		if arrays[k].Name == name {
			return &arrays[k]
		}
	}
	panic("no array " + name)
}

// damages are changes of a model's file, by what they do.
var damages = map[string]func(dataset.Arrays) dataset.Arrays{
	"missing": func(a dataset.Arrays) dataset.Arrays { return a[:len(a)-1] },
	"another": func(a dataset.Arrays) dataset.Arrays {
		return append(a, dataset.Float32("flow/another", []float32{0}))
	},
	"renamed": func(a dataset.Arrays) dataset.Arrays { arrayAt(a, "flow/weights").Name = "flow/weighus"; return a },
	"NaN": func(a dataset.Arrays) dataset.Arrays {
		arrayAt(a, "flow/weights").F32[3] = float32(math.NaN())
		return a
	},
	"edited": func(a dataset.Arrays) dataset.Arrays { arrayAt(a, "flow/weights").F32[3] += 1e-3; return a },
	"swapped": func(a dataset.Arrays) dataset.Arrays {
		one := arrayAt(a, "flow/weights").F32
		one[0], one[1] = one[1], one[0]
		return a
	},
	"another type": func(a dataset.Arrays) dataset.Arrays {
		w := arrayAt(a, "flow/weights")
		*w = dataset.Float64(w.Name, w.Float64s(), w.Shape...)
		return a
	},
	"another shape": func(a dataset.Arrays) dataset.Arrays {
		w := arrayAt(a, "flow/weights")
		w.Shape = []int{w.Len()}
		return a
	},
}

// A file that lacks an array, or has another array, shape, type or number, is refused as damaged:
// nothing random takes the place of a parameter.
func TestDamagedModelsAreRefused(t *testing.T) {
	folder, _, _ := trainedFolder(t)
	path := filepath.Join(folder, "model.npz")
	for name, damage := range damages {
		whole, err := dataset.ReadArrays(path)
		if err != nil {
			t.Fatal(err)
		}
		other := t.TempDir()
		if err := dataset.WriteArrays(filepath.Join(other, "model.npz"), damage(whole), true); err != nil {
			t.Fatal(err)
		}
		_, _, err = eqflow.Load(xlatest.OpenGo(t).Backend, other)
		if !errors.Is(err, dataset.ErrInput) || !strings.Contains(err.Error(), "the model is damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A folder whose writer was killed after the model is completed by the same command, which says so.
func TestFolderIsRepaired(t *testing.T) {
	folder, data, run := trainedFolder(t)
	curve := filepath.Join(folder, "history.json")
	want, err := os.ReadFile(curve)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"no curve":     func() error { return os.Remove(curve) },
		"half a curve": func() error { return os.WriteFile(curve, want[:len(want)/2], 0o644) },
		"an old checkpoint": func() error {
			return os.WriteFile(filepath.Join(folder, "checkpoint.npz"), []byte("old"), 0o644)
		},
		"nothing": func() error { return nil },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		said := ""
		run.Warn = func(message string) { said += message }
		m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
		if _, err := m.Train(t.Context(), data, run); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := os.ReadFile(curve)
		if err != nil || !bytes.Equal(got, want) || (said == "") != (name == "nothing") {
			t.Errorf("%s: the curve is restored %t, and the run says %q (%v)", name, bytes.Equal(got, want), said, err)
		}
		if _, err := os.Stat(filepath.Join(folder, "checkpoint.npz")); err == nil {
			t.Errorf("%s: the checkpoint is still there", name)
		}
	}
}

// While one training runs in a folder, a second one is refused, and after it the folder is free.
func TestFolderIsLocked(t *testing.T) {
	data := train.Data{Train: eqflowtest.Data(t)}
	run := train.Run{Settings: eqflowtest.Settings(3), Folder: t.TempDir()}
	backend := xlatest.OpenGo(t)
	var second error
	inner := run
	run.Report = func(p train.Progress) {
		if p.Step == 1 {
			_, second = eqflowtest.Model(t, backend, eqflowtest.Small).Train(t.Context(), data, inner)
		}
	}
	if _, err := eqflowtest.Model(t, backend, eqflowtest.Small).Train(t.Context(), data, run); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, train.ErrLocked) || !strings.Contains(second.Error(), "process") {
		t.Errorf("the second training: %v", second)
	}
	if _, err := eqflowtest.Model(t, backend, eqflowtest.Small).Train(t.Context(), data, inner); err != nil {
		t.Errorf("the folder stays locked: %v", err)
	}
}
