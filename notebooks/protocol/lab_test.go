package protocol

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
	"github.com/eqflow/gonb-eqflow/xla"
)

// open opens a quick workplace in an empty folder, on the Go backend.
func open(t *testing.T) *Lab {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv(EnvOut, "out")
	t.Setenv(EnvQuick, "1")
	t.Setenv(xla.EnvBackend, xla.Go)
	t.Setenv(figure.FiguresEnv, "figures")
	return Open("03")
}

// recipe is a small generator of DW4 that trains within a second.
func recipe(name string) Recipe {
	field := dynamics.RadialBasis{Centres: 4, TimeCentres: 2}
	settings := train.Settings{Steps: 4, Batch: 8, ValidateEvery: 2}
	return Recipe{name, flow.Continuous{Field: field, Steps: 2}, settings}
}

// A claim replaces an earlier claim with the same text, and a damaged file. Other claims stay, in
// order.
func TestClaims(t *testing.T) {
	l := open(t)
	path := filepath.Join("out", "claims", "03.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("{"), 0o644)); err != nil {
		t.Fatal(err)
	}
	l.Claim("ESS", "≥ 27", false, "%d", 20)
	l.Claim("NLL", Shown, true, "%.1f", 8.0)
	l.Claim("ESS", "≥ 27", true, "%d", 30)
	var got []Claim
	if err := atomic.ReadJSON(path, &got); err != nil {
		t.Fatal(err)
	}
	want := []Claim{{"03", "NLL", Shown, "8.0", true}, {"03", "ESS", "≥ 27", "30", true}}
	if !slices.Equal(got, want) {
		t.Errorf("claims are %v", got)
	}
	for want, c := range map[string]Claim{
		"shown": {Target: Shown}, "held": {Target: "x", Held: true}, "not held": {Target: "x"},
	} {
		if c.Verdict() != want {
			t.Errorf("the verdict of %v is %q, want %q", c, c.Verdict(), want)
		}
	}
}

// The workplace has one seed in quick mode and three otherwise, in folders of their own.
func TestOpen(t *testing.T) {
	quick := open(t)
	t.Setenv(EnvQuick, "")
	full := Open("03")
	if !slices.Equal(quick.Seeds, []uint64{1}) || !slices.Equal(full.Seeds, []uint64{1, 2, 3}) {
		t.Errorf("seeds are %v and %v", quick.Seeds, full.Seeds)
	}
	if q, f := quick.path("data"), full.path("data"); q != filepath.Join("out", "quick-go", "data") ||
		f != filepath.Join("out", "full-go", "data") {
		t.Errorf("data lie in %s and %s", q, f)
	}
	if quick.size(100, 10) != 10 || full.size(100, 10) != 100 {
		t.Error("the size does not depend on the mode")
	}
}

// A recipe is trained for each of the lab's seeds, on the same data, under a name of its own.
func TestJobs(t *testing.T) {
	l := open(t)
	l.Seeds = []uint64{1, 2, 3}
	data := train.Data{Train: particle.NewBatch(4, 4, 2)}
	for _, c := range []struct {
		name string
		jobs []Job
		want []string
	}{
		{"two recipes", l.Jobs(data, recipe("a"), recipe("b")), []string{"a-1", "a-2", "a-3", "b-1", "b-2", "b-3"}},
		{"all states", l.Jobs(data, l.EqBGAll()), []string{"eqBG-all-1", "eqBG-all-2", "eqBG-all-3"}},
		{"without data", l.DataFreeJobs(), []string{
			"annealed-1", "energy-matching-1", "reverse KL-1", "reverse KL, path gradients-1",
		}},
	} {
		var got []string
		for _, j := range c.jobs {
			got = append(got, j.Key())
			if err := j.Flow.Validate(); err != nil {
				t.Errorf("%s, %s: %v", c.name, j.Key(), err)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s trains %q, want %q", c.name, got, c.want)
		}
	}
	for _, j := range l.Jobs(data, recipe("a")) {
		if j.Data.Train.Len() != 4 {
			t.Errorf("%s has %d data", j.Key(), j.Data.Train.Len())
		}
	}
}

// A training is not repeated, another recipe under the same name trains anew, and a further
// training starts from its parameters.
func TestTrain(t *testing.T) {
	l := open(t)
	data := train.Data{Train: l.Equilibrium("train", 32, 1)}
	job := Job{Recipe: recipe("a"), Seed: 1, Data: data}
	first := l.Train(job, Job{Recipe: recipe("b"), Seed: 2, Data: data})
	again := l.Train(job)[0]
	if first[0].Key() != "a-1" || first[1].Key() != "b-2" || first[0].Trained() != 4 {
		t.Errorf("trained %s and %s, %d steps", first[0].Key(), first[1].Key(), first[0].Trained())
	}
	x := data.Train.Slice(0, 4)
	if a, b := must(first[0].NLL(x, 0)), must(again.NLL(x, 0)); a != b {
		t.Errorf("the same training has NLL %g, then %g", a, b)
	}
	if a, b := must(first[0].NLL(x, 0)), must(first[1].NLL(x, 0)); a == b {
		t.Errorf("two seeds have the same NLL %g", a)
	}
	job.Settings.Steps = 6
	if other := l.Train(job)[0]; other.Trained() != 6 {
		t.Errorf("another recipe has trained %d steps", other.Trained())
	}
	further := Job{Recipe: recipe("c"), Seed: 1, Data: data, From: &again}
	further.Settings.LearningRate = 1e-12 // hardly moves the parameters
	if a, b := must(l.Train(job)[0].NLL(x, 0)), must(l.Train(further)[0].NLL(x, 0)); math.Abs(a-b) > 1e-3 {
		t.Errorf("a further training starts at NLL %g, the model has %g", b, a)
	}
}

// Samples are drawn once for each training.
func TestDraws(t *testing.T) {
	l := open(t)
	trained := l.Train(Job{Recipe: recipe("a"), Seed: 1, Data: train.Data{Train: l.Equilibrium("train", 32, 1)}})[0]
	s := l.Draws(trained)
	path := l.path("draws", "a-1.npz")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	again := l.Draws(trained)
	if after, err := os.Stat(path); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Error("the samples were drawn twice")
	}
	if s.X.Len() != 10_000 || !slices.Equal(s.LogWeight, again.LogWeight) || !slices.Equal(s.Energy, again.Energy) {
		t.Errorf("%d samples, then %d others", s.X.Len(), again.X.Len())
	}
	if share := effectiveShare(s); share <= 0 || share > 1 {
		t.Errorf("the effective share is %g", share)
	}
}

// Clusters, whose samples cost more, have fewer samples.
func TestSampleSize(t *testing.T) {
	l := &Lab{}
	for want, system := range map[int]target.Target{
		10_000: target.DW4(), 2000: target.LJ13(), 500: target.LJ55(),
	} {
		if got := l.sampleSize(system); got != want {
			t.Errorf("%s has %d samples, want %d", system.Name(), got, want)
		}
	}
}

func TestCompact(t *testing.T) {
	for text, want := range map[string]string{"[ 1,\n 2 ]": "[1,2]", "": "", "{": ""} {
		if got := compact(json.RawMessage(text)); got != want {
			t.Errorf("%q is compacted to %q", text, got)
		}
	}
	if got := plusMinus(stats.Estimate{Value: 1.234, Error: 0.056}); got != "1.23 ± 0.06" {
		t.Errorf("an estimate is shown as %q", got)
	}
}
