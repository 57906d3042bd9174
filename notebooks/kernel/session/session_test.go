package session_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla"
)

// notebook makes an empty folder the working folder, and the Go backend the default.
func notebook(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(session.EnvOut, "")
	t.Setenv(xla.EnvBackend, xla.Go)
	t.Setenv(figure.FiguresEnv, "figures")
}

// trap is a system made by target.FromGraph: three particles on springs.
func trap(strength float64) *target.Own {
	return target.MustFromGraph("trap", 3, 2, func(x *graph.Node) *graph.Node {
		return graph.MulScalar(graph.ReduceSum(particle.SquaredPairDistances(x), -1), strength/6)
	})
}

func small(t target.Target) eqflow.Generator {
	field := dynamics.RadialBasis{Centres: 4, TimeCentres: 2}
	return eqflow.Generator{Target: t, Flow: flow.Continuous{Field: field, Steps: 2}}
}

// failure returns the text of a panic.
func failure(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	do()
	return "no panic"
}

func TestASecondCellContinuesTheFirst(t *testing.T) {
	notebook(t)
	settings := train.Settings{Steps: 6, Batch: 8, ValidateEvery: 2}
	cell := func(system target.Target, settings train.Settings) (*eqflow.Model, particle.Batch) {
		s := session.Open("springs") // as every cell begins
		x := s.Equilibrium("train", system, 64, 1)
		return s.Train("eqBG", small(system), train.Data{Train: x}, settings), x
	}
	first, x := cell(trap(1), settings)
	const modelFile, dataFile = "work/session/springs/models/eqBG/model.npz", "work/session/springs/data/train.npz"
	written, drawn := modified(t, modelFile), modified(t, dataFile)
	again, y := cell(trap(1), settings)
	if written != modified(t, modelFile) || drawn != modified(t, dataFile) {
		t.Error("the same cell computed again")
	}
	if !slices.Equal(x.X, y.X) {
		t.Error("the data differ")
	}
	a, b, c := sample(t, first), sample(t, again), session.Open("springs").Sample("eqBG", 4, 7)
	if !slices.Equal(a.LogQ, b.LogQ) || !slices.Equal(a.LogQ, c.LogQ) || !slices.Equal(a.LogWeight, c.LogWeight) {
		t.Errorf("samples have log q %v at first, %v then, %v in a later cell", a.LogQ, b.LogQ, c.LogQ)
	}
	settings.Seed = 5
	cell(trap(1), settings)
	if session.Open("springs").Card("eqBG").Settings.Seed != 5 {
		t.Error("other settings did not train anew")
	}
	text := failure(func() { trap(2); session.Open("springs").Model("eqBG") })
	if !strings.Contains(text, "another energy") {
		t.Errorf("a model of another energy: %s", text)
	}
	cell(trap(2), settings)
	if modified(t, dataFile) == drawn {
		t.Error("another energy kept the old data")
	}
}

func modified(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime().String()
}

func sample(t *testing.T, m *eqflow.Model) density.Samples {
	t.Helper()
	s, err := m.Sample(4, 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEvaluationIsKeptOnTheCard(t *testing.T) {
	notebook(t)
	s := session.Open("dw4")
	x := s.Equilibrium("x", target.Harmonic{N: 3, D: 2}, 32, 1)
	s.Train("m", small(target.Harmonic{N: 3, D: 2}), train.Data{Train: x}, train.Settings{Steps: 2, Batch: 8})
	r := s.Evaluate("m", x, evaluate.Options{Samples: new(32)})
	if card := session.Open("dw4").Card("m"); card.Report == nil || card.Report.NLL != r.NLL {
		t.Errorf("the card has %v, the evaluation %v", card.Report, r)
	}
}

// Exported samples read back with the same numbers and with their system.
func TestExportedSamplesReadBack(t *testing.T) {
	notebook(t)
	s := session.Open("dw4")
	x := s.Equilibrium("x", target.Harmonic{N: 3, D: 2}, 32, 1)
	s.Train("m", small(target.Harmonic{N: 3, D: 2}), train.Data{Train: x}, train.Settings{Steps: 2, Batch: 8})
	samples := s.Export("m", 5, 3, "drawn.npz", "drawn.xyz", "drawn.npy")
	for _, path := range []string{"drawn.npz", "drawn.xyz", "drawn.npy"} {
		set, err := dataset.Read(path, 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(set.Batch.X, samples.X.X) {
			t.Errorf("%s holds other configurations", path)
		}
		if path == "drawn.npy" { // the format holds only the configurations
			continue
		}
		if m := set.Manifest; m.System != "harmonic3x2" || m.Seed != 3 || len(set.Arrays) != 3 {
			t.Errorf("%s is of the system %q with seed %d and has %d arrays", path, m.System, m.Seed, len(set.Arrays))
		}
	}
}

// The free energy along a variable stands beside that of the data, both with errors. The bins of a
// variable of Go's are those that it asks for.
func TestFreeEnergy(t *testing.T) {
	notebook(t)
	s, system := session.Open("trap"), target.Harmonic{N: 3, D: 2}
	x := s.Equilibrium("test", system, 2000, 1)
	s.Train("m", small(system), train.Data{Train: x}, train.Settings{Steps: 20, Batch: 16})
	p := s.FreeEnergy("m", "size = rg", "test")
	bins := 0
	for k, f := range p.Free {
		if r := p.Reference[k]; f.Error > 0 && r.Error > 0 {
			bins++
		}
	}
	// The data of the test are in equilibrium, and the weights make the samples so.
	if sigmas, kT := p.LargestDeviation(); p.Variable != "size" || bins < 10 || sigmas > 4.5 {
		t.Errorf("%q in %d bins deviates by %.1f standard errors, %.2f kT", p.Variable, bins, sigmas, kT)
	}
	first := func(x []float64, _ float64) float64 { return x[0] }
	v := measure.Variable{Name: "x", Value: first, Edges: []float64{-3, 0, 3}}
	hot := s.Sample("m", 2000, 1).AtTemperature(2)
	p = session.FreeEnergy(system, v, hot, s.Equilibrium("hot", target.Harmonic{N: 3, D: 2, K: 0.5}, 2000, 2))
	if sigmas, _ := p.LargestDeviation(); len(p.Free) != 2 || !(sigmas < 4.5) {
		t.Errorf("at twice the temperature: %+v", p)
	}
	if text := failure(func() { s.FreeEnergy("m", "d(0,7)", "test") }); !strings.Contains(text, "d(0,7)") {
		t.Errorf("a particle that is not there: %s", text)
	}
	text := failure(func() { session.FreeEnergy(system, v, hot, particle.NewBatch(3, 4, 2)) })
	if !strings.Contains(text, "one system") {
		t.Errorf("another system: %s", text)
	}
}

// The same question is answered once, with the same numbers. Another question, a model that was
// trained again and a file that was changed are drawn.
func TestSamplesAreDrawnOnce(t *testing.T) {
	notebook(t)
	s, system := session.Open("dw4"), target.Harmonic{N: 3, D: 2}
	data := train.Data{Train: s.Equilibrium("x", system, 32, 1)}
	s.Train("m", small(system), data, train.Settings{Steps: 2, Batch: 8})
	const file = "work/session/dw4/samples/m-120-3.npz"
	first := s.Sample("m", 120, 3)
	written := modified(t, file)
	again := session.Open("dw4").Sample("m", 120, 3)
	if written != modified(t, file) || !reflect.DeepEqual(first, again) {
		t.Error("the same question gives other samples, or draws again")
	}
	if other := s.Sample("m", 120, 4); slices.Equal(other.LogQ, first.LogQ) {
		t.Error("another seed gives the same samples")
	}
	if kept := s.Card("m").Sampling; kept == nil || kept.Samples != 120 {
		t.Errorf("the card has the sampling %+v", kept)
	}
	if text := fmt.Sprint(first); !strings.HasPrefix(text, "120 samples of 3 particles in 2 dimensions\nESS ") {
		t.Errorf("samples are printed as %q", text)
	}
	s.Train("m", small(system), data, train.Settings{Steps: 3, Batch: 8})
	if s.Card("m").Sampling != nil {
		t.Error("the card has a sampling of earlier parameters")
	}
	if renewed := s.Sample("m", 120, 3); slices.Equal(renewed.LogQ, first.LogQ) {
		t.Error("a model that was trained again gives the old samples")
	}
	if err := os.WriteFile(file, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if renewed := s.Sample("m", 120, 3); renewed.X.Len() != 120 {
		t.Error("a damaged file is not replaced")
	}
}

// The card has the estimates of whatever has drawn samples, as long as it is the model in the
// folder that has drawn them.
func TestSamplesOfALivingModelAreOnItsCard(t *testing.T) {
	notebook(t)
	s, system := session.Open("dw4"), target.Harmonic{N: 3, D: 2}
	egnn := flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 4}, Steps: 2} // whose divergence can be estimated
	g := eqflow.Generator{Target: system, Flow: egnn}
	data := train.Data{Train: s.Equilibrium("x", system, 32, 1)}
	draw := func(m *eqflow.Model, n int) *eqflow.Sampling {
		t.Helper()
		if _, err := m.Sample(n, 1); err != nil {
			t.Fatal(err)
		}
		return s.Card("m").Sampling
	}
	trained := s.Train("m", g, data, train.Settings{Steps: 2, Batch: 8})
	if kept := draw(trained, 110); kept == nil || kept.Samples != 110 {
		t.Errorf("after a training the card has %+v", kept)
	}
	loaded := s.Model("m")
	if kept := draw(loaded, 120); kept.Samples != 120 {
		t.Errorf("after loading the card has %+v", kept)
	}
	if err := loaded.SetDivergence(engine.Divergence{Probes: 1, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if kept := draw(loaded, 130); kept.Samples != 120 {
		t.Errorf("samples with estimated densities are on the card: %+v", kept)
	}
	s.Train("m", g, data, train.Settings{Steps: 3, Batch: 8})
	if kept := draw(trained, 140); kept != nil {
		t.Errorf("samples of earlier parameters are on the card: %+v", kept)
	}
	arrays, err := trained.Export()
	renewed := s.Model("m")
	if err := errors.Join(err, renewed.Import(arrays)); err != nil {
		t.Fatal(err)
	}
	if kept := draw(renewed, 150); kept != nil {
		t.Errorf("samples of imported parameters are on the card: %+v", kept)
	}
}

func TestTrainingIsShorterOnTheGoBackend(t *testing.T) {
	notebook(t)
	s := session.Open("dw4")
	if n := s.Steps(2000, 600); n != 100 {
		t.Errorf("%d steps", n)
	}
	t.Setenv(session.EnvQuick, "1")
	if n := s.Steps(2000, 600); n != 30 {
		t.Errorf("%d quick steps", n)
	}
}

func TestDataAndResultsByName(t *testing.T) {
	notebook(t)
	s := session.Open("mine")
	off := particle.Batch{X: []float64{1, 1, 3, 1, 5, 5, 5, 9}, N: 2, D: 2}
	if err := dataset.Write("own.npy", dataset.Set{Batch: off}, false); err != nil {
		t.Fatal(err)
	}
	s.Import("own", "own.npy", 2, 2)
	s.Put("numbers", []float64{1, 2.5})
	later := session.Open("mine")
	if got, want := later.Data("own").X, []float64{-1, 0, 1, 0, 0, -2, 0, 2}; !slices.Equal(got, want) {
		t.Errorf("imported as %v, want means removed: %v", got, want)
	}
	if got := session.Get[[]float64](later, "numbers"); !slices.Equal(got, []float64{1, 2.5}) {
		t.Errorf("the result came back as %v", got)
	}
	want := [][]string{
		{"data", "own", "2 configurations of 2 particles in 2 dimensions"}, {"result", "numbers", ""},
	}
	if rows := later.Rows(); !reflect.DeepEqual(rows, want) {
		t.Errorf("the session keeps %v", rows)
	}
	for want, do := range map[string]func(){
		"there are own":     func() { later.Data("theirs") },
		"there are numbers": func() { session.Get[int](later, "n") },
		"is not int":        func() { session.Get[int](later, "numbers") },
		"no model":          func() { later.Model("m") },
		"is no name":        func() { session.Open("../x") },
	} {
		if text := failure(do); !strings.Contains(text, want) {
			t.Errorf("%q instead of %q", text, want)
		}
	}
}

// A session whose folder cannot be written says so when it is opened, and names the variable that
// chooses another folder.
func TestUnwritableFolderIsToldFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, refused := range map[string]bool{t.TempDir(): false, file: true, "/proc/eqflow": true} {
		err := session.At(filepath.Join(folder, "work"), nil).Probe()
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), session.EnvOut) {
			t.Errorf("%s: %v", folder, err)
		}
		if entries, _ := os.ReadDir(folder); len(entries) > 0 {
			t.Errorf("the probe leaves %v", entries)
		}
	}
}
