package figure

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// These types implement the interfaces of Show, as types of other packages do.

type history struct{ kept int }

func (history) Losses() (steps, loss []float64)     { return []float64{1, 2, 3}, []float64{9, 8, 7} }
func (history) Validations() (steps, nll []float64) { return []float64{2, 3}, []float64{8.5, 8.7} }
func (h history) Kept() int                         { return h.kept }

type samples struct{}

func (samples) Configurations() particle.Batch { return squares(12) }
func (samples) Energies() (u, logWeights []float64) {
	return ramp(12), ramp(12)
}

type configurationSet struct{ particle.Batch }

func (c configurationSet) Configurations() particle.Batch { return c.Batch }

type card struct{}

func (card) Rows() [][]string { return [][]string{{"system", "dw4"}} }

type drawable struct{}

func (drawable) Figure() Figure { return everyKind()["heat"] }

func TestShowAcceptsEveryKind(t *testing.T) {
	t.Setenv(FiguresEnv, t.TempDir())
	solid := particle.Batch{X: ramp(18), N: 3, D: 3}
	for name, v := range map[string]any{
		"figure": everyKind()["lines"], "drawable": drawable{}, "card": card{}, "history": history{3},
		"table": NewTable([]string{"a"}, []any{1}), "energies": Energies(ramp(40)), "numbers": ramp(40),
		"2 dimensions": squares(30), "3 dimensions": solid, "configurations": configurationSet{squares(2)},
		"samples": samples{}, "trajectory": []particle.Batch{squares(12), squares(12)},
		"free energies": FreeEnergies{{Value: 1, Error: 0.1}, {Value: math.Inf(1), Error: math.Inf(1)}},
		"estimates":     []stats.Estimate{{Value: 1, Error: 0.1}}, "estimate": stats.Estimate{Value: 1, Error: 0.1},
	} {
		if err := Show(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShowRefusesOtherValues(t *testing.T) {
	t.Setenv(FiguresEnv, t.TempDir())
	for message, v := range map[string]any{
		"int cannot be shown": 3,
		"no configurations":   particle.Batch{},
		"no frames":           []particle.Batch{},
		"frame 1: no config":  []particle.Batch{squares(1), {N: 4, D: 2}},
	} {
		if err := Show(v); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("got %v, want %q", err, message)
		}
	}
}

func TestSamplesShowRawAndReweightedEnergies(t *testing.T) {
	v, err := displayableOf(samples{})
	if err != nil {
		t.Fatal(err)
	}
	// Each histogram has its own colour, which is rare in the rest of the picture.
	img := decode(t, v.(Figure))
	for i, name := range []string{"samples", "reweighted"} {
		if count := dotsOfColor(img, Color(i)); count < 500 {
			t.Errorf("%s covers %d dots", name, count)
		}
	}
}

func TestLearningCurveOfMarksOnlyAnEarlyStop(t *testing.T) {
	for kept, want := range map[int]float64{0: 0, 2: 2, 3: 0} {
		if got := LearningCurveOf("r", history{kept}).Stopped; got != want {
			t.Errorf("kept %d: the ring is at %g, not %g", kept, got, want)
		}
	}
}

func TestLiveCurveSavesAFileOutsideNotebooks(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(FiguresEnv, dir)
	l := NewLiveCurve("Training of dw4")
	for step := 1; step <= 2000; step++ {
		l.Point(step, 2000, 1/float64(step), 0.5, time.Second)
	}
	if err := l.Done(); err != nil {
		t.Fatal(err)
	}
	checkPicture(t, filepath.Join(dir, "training-of-dw4.png"))
	text := l.text(500, 2000, 0.5, 54*time.Second)
	if !strings.HasPrefix(text, "step 500 of 2000, 25 %  loss 0.0") ||
		!strings.HasSuffix(text, "validation 0.500  54s left") {
		t.Error(text)
	}
}

func TestAveragedSeriesPreservesTheMean(t *testing.T) {
	var s averagedSeries
	for step := range 10_000 {
		s.add(float64(step), float64(step%2))
	}
	if n := len(s.at); n < maxPoints/2 || n > maxPoints {
		t.Errorf("%d points", n)
	}
	for k, v := range s.mean {
		if v != 0.5 {
			t.Fatalf("point %d is %g, the mean of 0 and 1 is 0.5", k, v)
		}
	}
}
