package explore

import (
	"bytes"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

func TestSliderPositions(t *testing.T) {
	b := NewSlider("b", -8, 0, -4)
	if b.position() != 50 || b.at(0) != -8 || b.at(positions) != 0 || b.text() != "−4.00" {
		t.Errorf("at %d of %g to %g, %q", b.position(), b.at(0), b.at(positions), b.text())
	}
	for _, wrong := range [][3]float64{{1, 1, 1}, {0, 1, 2}, {0, 1, math.NaN()}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a slider %v was made", wrong)
				}
			}()
			NewSlider("x", wrong[0], wrong[1], wrong[2])
		}()
	}
}

// Moves change the values of the sliders that have moved, several at once. The value 1/3, between
// two positions, stays. Older and damaged messages are dropped.
func TestMovesAreApplied(t *testing.T) {
	a, b := NewSlider("a", 0, 1, 1.0/3), NewSlider("b", 0, 10, 2)
	p := newPanel("place", []*Slider{a, b})
	p.receive("1 33,20") // the browser's first message
	if len(p.shown) != 1 || len(p.moved) != 0 {
		t.Error("the first positions count as a move")
	}
	for _, message := range []string{"4 33,71", "3 33,70", "5 33", "x 1,1", "6 33,a", "", "7"} {
		p.receive(message)
	}
	p.apply()
	if len(p.moved) != 1 || len(p.done) != 0 || a.Value != 1.0/3 || b.Value != 7.1 {
		t.Errorf("a = %g, b = %g", a.Value, b.Value)
	}
}

// A panel draws after each move, and ends by its button or after some time without moves.
func TestPanelEnds(t *testing.T) {
	s := NewSlider("s", 0, 1, 0)
	p := newPanel("place", []*Slider{s})
	drawn := 0
	show := func() { drawn++ }
	p.receive("1 10")
	p.listen(t.Context(), time.Hour, 20*time.Millisecond, 20*time.Millisecond, show)
	if drawn != 1 || s.Value != 0.1 {
		t.Errorf("drawn %d times at %g", drawn, s.Value)
	}
	p.receive("2 done")
	p.listen(t.Context(), time.Hour, time.Hour, time.Hour, show)
	if drawn != 1 {
		t.Error("the button drew")
	}
	p.listen(t.Context(), time.Millisecond, time.Hour, time.Hour, show) // ends although no browser shows it
}

// Without a browser the picture is drawn once, with the initial values.
func TestRunWithoutABrowser(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(figure.FiguresEnv, dir)
	kT, drawn := NewSlider("kT", 0.5, 2, 1), 0
	Run(func() figure.Figure {
		drawn++
		well := target.DW4()
		well.KT = kT.Value
		return Landscape(well, target.DW4())
	}, kT)
	data, err := os.ReadFile(dir + "/landscape.png")
	if err != nil || drawn != 1 {
		t.Fatalf("drawn %d times: %v", drawn, err)
	}
	if _, err := png.Decode(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if text := values([]*Slider{kT}); !strings.Contains(text, "kT = 1.00") {
		t.Error(text)
	}
	t.Setenv(EnvListen, "soon")
	defer func() {
		if recover() == nil {
			t.Error("\"soon\" is accepted as a duration")
		}
	}()
	waits()
}

// The density of an isolated pair in the plane is d e^{−u}. For two equal and narrow wells, the
// ratio of the probabilities of long and short pairs is the ratio of their distances.
func TestPairDensity(t *testing.T) {
	cold := target.DW4()
	cold.KT = 0.05
	d, u := pairEnergies(cold, 8)
	p := density(d, u, 2)
	total, short, long := 0.0, 0.0, 0.0
	for k := range d {
		total += p[k] * (d[1] - d[0])
		if d[k] < cold.D0 {
			short += p[k]
		} else {
			long += p[k]
		}
	}
	if math.Abs(total-1) > 1e-9 || math.Abs(long/short-5.4907/2.5093) > 0.02 {
		t.Errorf("the density's sum is %g, the wells' ratio %g", total, long/short)
	}
}

// Normal draws, reweighted to a harmonic trap at another temperature, have the trap's known mean
// energy. The weights of exact draws are MCMC's.
func TestEnsembleAtAnotherTemperature(t *testing.T) {
	trap := target.Harmonic{N: 3, D: 2}
	rng := rand.New(rand.NewPCG(1, 1))
	b := particle.NewBatch(20_000, 3, 2)
	for i := range b.X {
		b.X[i] = rng.NormFloat64()
	}
	b.RemoveMean()
	var e Ensemble
	for i := range b.Len() {
		u := trap.EnergyForces(b.At(i), nil)
		e.u, e.logQ, e.mcmc = append(e.u, u), append(e.logQ, -u), append(e.mcmc, u)
	}
	draws, mcmc := e.logWeights(0.8)
	for i := range draws {
		if math.Abs(draws[i]-mcmc[i]) > 1e-12 {
			t.Fatalf("an exact generator's weights are MCMC's: %g, %g", draws[i], mcmc[i])
		}
	}
	mean, weight := 0.0, 0.0
	for i, l := range draws {
		mean, weight = mean+math.Exp(l)*e.u[i], weight+math.Exp(l)
	}
	if got, want := mean/weight, 2*0.8; math.Abs(got-want) > 0.04 { // four degrees of freedom, each with T/2
		t.Errorf("mean energy %g, want %g", got, want)
	}
}
