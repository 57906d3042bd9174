package figure

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// trained, weighed and card are what packages that compute give to Show.
type trained struct{ kept int }

func (trained) Losses() (steps, loss []float64)     { return []float64{1, 2, 3}, []float64{9, 8, 7} }
func (trained) Validations() (steps, nll []float64) { return []float64{2, 3}, []float64{8.5, 8.7} }
func (t trained) Kept() int                         { return t.kept }

type weighed struct{}

func (weighed) Configurations() particle.Batch { return squares(12) }
func (weighed) Energies() (u, logWeights []float64) {
	return ramp(12), ramp(12)
}

type configured struct{ particle.Batch }

func (c configured) Configurations() particle.Batch { return c.Batch }

type card struct{}

func (card) Rows() [][]string { return [][]string{{"system", "dw4"}} }

type drawn struct{}

func (drawn) Figure() Figure { return everyKind()["heat"] }

func TestEverythingShowsItself(t *testing.T) {
	t.Setenv(FiguresEnv, t.TempDir())
	solid := particle.Batch{X: ramp(18), N: 3, D: 3}
	for name, v := range map[string]any{
		"figure": everyKind()["lines"], "drawn": drawn{}, "table": NewTable([]string{"a"}, []any{1}), "card": card{},
		"plane": squares(30), "space": solid, "configured": configured{squares(2)}, "samples": weighed{},
		"path": []particle.Batch{squares(12), squares(12)}, "energies": Energies(ramp(40)), "numbers": ramp(40), "history": trained{3},
		"free energies": FreeEnergies{{Value: 1, Error: 0.1}, {Value: math.Inf(1), Error: math.Inf(1)}},
		"estimates":     []stats.Estimate{{Value: 1, Error: 0.1}}, "estimate": stats.Estimate{Value: 1, Error: 0.1},
	} {
		if err := Show(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShowRefusesWhatItCannotDraw(t *testing.T) {
	t.Setenv(FiguresEnv, t.TempDir())
	for says, v := range map[string]any{
		"int does not show itself": 3,
		"no configurations":        particle.Batch{},
		"no frames":                []particle.Batch{},
		"frame 1: no config":       []particle.Batch{squares(1), {N: 4, D: 2}},
	} {
		if err := Show(v); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v instead of %q", err, says)
		}
	}
}

func TestSamplesShowRawAndReweightedEnergies(t *testing.T) {
	v, err := itemOf(weighed{})
	if err != nil {
		t.Fatal(err)
	}
	// Both kinds have a colour of their own, of which the rest of the picture has little.
	img := decode(t, v.(Figure))
	for i, name := range []string{"samples", "reweighted"} {
		count, want := 0, Color(i)
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				if r, g, b, _ := img.At(x, y).RGBA(); uint8(r>>8) == want.R && uint8(g>>8) == want.G && uint8(b>>8) == want.B {
					count++
				}
			}
		}
		if count < 500 {
			t.Errorf("%s covers %d dots", name, count)
		}
	}
}

func TestRunOfMarksAnEarlyStopAlone(t *testing.T) {
	for kept, want := range map[int]float64{0: 0, 2: 2, 3: 0} {
		if got := RunOf("r", trained{kept}).Stopped; got != want {
			t.Errorf("kept %d: the ring is at %g, not %g", kept, got, want)
		}
	}
}

func TestLiveLeavesAFileOutsideNotebooks(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(FiguresEnv, dir)
	l := NewLive("Training of dw4")
	for step := 1; step <= 2000; step++ {
		l.Point(step, 2000, 1/float64(step), 0.5, time.Second)
	}
	if err := l.Done(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "training-of-dw4.png"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if text := l.text(500, 2000, 0.5, 54*time.Second); !strings.HasPrefix(text, "step 500 of 2000, 25 %  loss 0.0") || !strings.HasSuffix(text, "validation 0.500  54s left") {
		t.Error(text)
	}
}

func TestLiveKeepsTheMean(t *testing.T) {
	var s thinned
	for step := range 10_000 {
		s.add(float64(step), float64(step%2))
	}
	if n := len(s.at); n < mostPoints/2 || n > mostPoints {
		t.Errorf("%d points", n)
	}
	for k, v := range s.mean {
		if v != 0.5 {
			t.Fatalf("point %d is %g, the mean of 0 and 1 is 0.5", k, v)
		}
	}
}
