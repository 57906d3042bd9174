package session_test

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/freeenergy"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

// A chain is drawn once, and again for another start. A chain kept in the state of its start is
// another one than a free chain, and an unknown constraint is refused.
func TestTrajectories(t *testing.T) {
	notebook(t)
	s, system := session.Open("dw4"), target.DW4()
	start := []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}
	chain := mcmc.Chain{Start: start, Sigma: 0.1, Steps: 2000, Thin: 100, Seed: 11}
	kept := s.TrajectoryInState("a", system, chain)
	const file = "work/session/dw4/data/a.npz"
	written := modified(t, file)
	again := s.TrajectoryInState("a", system, chain)
	if written != modified(t, file) || !slices.Equal(kept.X, again.X) {
		t.Error("the chain was drawn twice")
	}
	want, _, err := mcmc.Trajectory(t.Context(), system, mcmc.Chain{
		Start: start, Sigma: 0.1, Steps: 2000, Thin: 100, Seed: 11, Allowed: mcmc.StayInState(system, start),
	})
	if err != nil || !slices.Equal(kept.X, want.X) {
		t.Errorf("another chain than mcmc.Trajectory's, %v", err)
	}
	chain.Sigma, chain.Steps = 0.25, 20_000 // leaves the state every 800 steps or so
	free, label, inside := s.Trajectory("a", system, chain), target.LabelOf(start, 2, system.Cutoff()), 0
	for i := range free.Len() {
		if target.HasLabel(free.At(i), 2, system.Cutoff(), label) {
			inside++
		}
	}
	if inside == free.Len() {
		t.Error("the free chain stays in the state of its start")
	}
	chain.Start = particle.Relabel(start, 2, []int{1, 0, 2, 3})
	if moved := s.Trajectory("a", system, chain); slices.Equal(moved.X, free.X) {
		t.Error("another start has the same chain")
	}
	chain.Allowed = func([]float64) bool { return true }
	if text := failure(func() { s.Trajectory("a", system, chain) }); !strings.Contains(text, "TrajectoryInState") {
		t.Errorf("a constraint: %s", text)
	}
}

// A likelihood and a report are computed once, with the same numbers. Other configurations, steps
// or parameters are another question.
func TestJudgementsAreMadeOnce(t *testing.T) {
	notebook(t)
	s, system := session.Open("trap"), target.Harmonic{N: 3, D: 2}
	x := s.Equilibrium("x", system, 64, 1)
	data := train.Data{Train: x}
	m := s.Train("m", small(system), data, train.Settings{Steps: 2, Batch: 8})
	kept := func() int {
		files, err := filepath.Glob("work/session/trap/judged/m-*.json")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	first := s.NLL("m", x, 4)
	if want, err := m.NLL(x, 4); err != nil || first != want {
		t.Errorf("NLL %g, the model says %g, %v", first, want, err)
	}
	if again := session.Open("trap").NLL("m", x, 4); again != first || kept() != 1 {
		t.Errorf("NLL %g, then %g in %d files", first, again, kept())
	}
	if other, fewer := s.NLL("m", x, 2), s.NLL("m", x.Slice(0, 9), 4); other == first || fewer == first || kept() != 3 {
		t.Errorf("NLL %g, with other steps %g, of other data %g, in %d files", first, other, fewer, kept())
	}
	options := evaluate.Options{Samples: new(200), Compare: new(0), Seed: 3}
	report := s.Evaluate("m", x, options)
	again := s.Evaluate("m", x, options)
	if again.SamplingSeconds != report.SamplingSeconds || again.ESS != report.ESS || again.NLL4 != report.NLL4 ||
		kept() != 4 {
		t.Errorf("the report is\n%v\nthen\n%v\nin %d files", report, again, kept())
	}
	options.Seed = 4
	if other := s.Evaluate("m", x, options); other.ESS == report.ESS {
		t.Error("other samples have the same report")
	}
	s.Train("m", small(system), data, train.Settings{Steps: 3, Batch: 8})
	if renewed := s.NLL("m", x, 4); renewed == first {
		t.Error("a model that was trained again has the old NLL")
	}
	if text := failure(func() { s.NLL("other", x, 4) }); !strings.Contains(text, "there are m") {
		t.Errorf("no such model: %s", text)
	}
}

// The rungs of a ladder are drawn once. The free energy between two temperatures of a trap is
// ½ (n−1) d ln T, and between two traps ½ (n−1) d ln K.
func TestLadders(t *testing.T) {
	notebook(t)
	s, cold := session.Open("trap"), target.Harmonic{N: 3, D: 2, K: 1}
	check := func(l freeenergy.Ladder, want float64) {
		t.Helper()
		d := session.Difference(l)
		for _, r := range d.Results {
			if math.Abs(r.Free.Value-want) > 4*r.Free.Error {
				t.Errorf("%s: %v, want %.4f", r.Method, r.Free, want)
			}
		}
		if len(l) != 3 || len(d.Results) != 4 {
			t.Errorf("%d rungs, %d results", len(l), len(d.Results))
		}
	}
	hot := s.TemperatureLadder("hot", cold, 1.5, 3, 400, 1)
	check(hot, -2*math.Log(1.5))
	const file = "work/session/trap/data/hot-2.npz"
	written := modified(t, file)
	if again := s.TemperatureLadder("hot", cold, 1.5, 3, 400, 1); !reflect.DeepEqual(hot, again) ||
		written != modified(t, file) {
		t.Error("the ladder was drawn twice")
	}
	if hotter := s.TemperatureLadder("hot", cold, 1.6, 3, 400, 1); slices.Equal(hotter[2].UA, hot[2].UA) {
		t.Error("another temperature has the same ladder")
	}
	check(s.Ladder("stiff", cold, target.Harmonic{N: 3, D: 2, K: 1.4}, 3, 400, 1), 2*math.Log(1.4))
	for want, do := range map[string]func(){
		"the same particles": func() { s.Ladder("x", cold, target.DW4(), 3, 400, 1) },
		"at least 2":         func() { s.TemperatureLadder("x", cold, 2, 1, 400, 1) },
		"no multiple":        func() { s.TemperatureLadder("x", cold, -1, 3, 400, 1) },
	} {
		if text := failure(do); !strings.Contains(text, want) {
			t.Errorf("%q instead of %q", text, want)
		}
	}
}
