package train_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// softTrap is wider than the prior, and its width is not among the widths that the ladder tries.
// Its log Z is known exactly.
var softTrap = target.Harmonic{N: 4, D: 2, K: 0.3}

func softModel(t *testing.T) *eqflow.Model {
	t.Helper()
	field := dynamics.RadialBasis{Centres: 12, MaxDistance: 8, TimeCentres: 4, Width: 1}
	return eqflowtest.Generator(t, xlatest.Open(t), eqflow.Generator{
		Target: softTrap, Flow: flow.Continuous{Field: field, Steps: 8}, Seed: 1,
	})
}

// Every data-free objective reaches the known log Z of a harmonic trap, and counts the energies
// that it evaluates.
func TestDataFreeObjectivesReachTheKnownLogZ(t *testing.T) {
	for name, c := range map[string]struct {
		settings train.Settings
		energies int64
	}{
		"path gradients": {
			train.Settings{Objective: train.Energy{Path: true}, Steps: 100, LearningRate: 2e-2}, 100 * 256,
		},
		// The ladder tries 17 widths with 200 draws each, and then climbs 6 rungs of 512 draws.
		"annealed": {
			train.Settings{Objective: train.Annealed{Draws: 512, DrawEvery: 30}, Steps: 180, LearningRate: 3e-2},
			17*200 + 6*512,
		},
		"energy matching": {
			train.Settings{
				Objective: train.EnergyMatching{Draws: 512, DrawEvery: 50, Probes: 16}, Steps: 150, LearningRate: 3e-2,
			},
			17*200 + 3*512 + 150*256*16,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, s := softModel(t), c.settings
			s.Seed = 1
			h, err := m.Train(context.Background(), train.Data{}, train.Run{Settings: s})
			if err != nil {
				t.Fatal(err)
			}
			x, err := m.Sample(4000, 2)
			if err != nil {
				t.Fatal(err)
			}
			ess, z := stats.KishESS(x.LogWeight)/4000, stats.LogZ(x.LogWeight, stats.Bootstrap{})
			if want := softTrap.Reference().LogZ; ess < 0.98 || math.Abs(z.Value-want) > 5*z.Error+0.005 {
				t.Errorf("ESS %.3f, log Z %.3f ± %.3f, want %.3f; rungs %+v", ess, z.Value, z.Error, want, h.Rungs)
			}
			if h.Energies != c.energies {
				t.Errorf("%d energies counted, want %d", h.Energies, c.energies)
			}
		})
	}
}

// The first rungs of the ladder lie between the normal distribution and the target. The last rung
// is the target, with the right log Z.
func TestLadderClimbsToTheTarget(t *testing.T) {
	field := dynamics.OneHop{Hidden: 8, Channels: 2}
	m := eqflowtest.Model(t, xlatest.Open(t), flow.Continuous{Field: field, Steps: 8})
	s := train.Settings{Objective: train.Annealed{Draws: 1024, DrawEvery: 60, Moves: 2}, Steps: 660, Seed: 1}
	h, err := m.Train(context.Background(), train.Data{}, train.Run{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	if first := h.Rungs[0]; first.Lambda <= 0 || first.Lambda > 0.5 || math.Abs(first.ESS-0.5) > 0.01 {
		t.Errorf("first rung %+v, want λ in (0, 0.5] and an ESS of 0.5", first)
	}
	for k, r := range h.Rungs[1:] {
		if before := h.Rungs[k]; r.Lambda < before.Lambda || r.Energies <= before.Energies || r.Step != before.Step+60 {
			t.Errorf("rung %+v follows %+v", r, before)
		}
	}
	last := h.Rungs[len(h.Rungs)-1]
	if last.Lambda != 1 || math.Abs(last.LogZ-29.667) > 0.3 {
		t.Errorf("last rung %+v, want λ = 1 and log Z 29.667", last)
	}
}

// A run that is stopped between two rungs, or at a rung, ends with the same bytes as an
// uninterrupted run.
func TestLadderResumesByteForByte(t *testing.T) {
	backend := xlatest.OpenGo(t)
	for _, s := range []train.Settings{
		{Objective: train.Annealed{DrawEvery: 4, Draws: 32, Moves: 1}, Steps: 12, Batch: 16, WarmUp: 2, Seed: 3},
		{Objective: train.EnergyMatching{DrawEvery: 4, Draws: 32, Probes: 2}, Steps: 12, Batch: 16, WarmUp: 2, Seed: 3},
	} {
		t.Run(s.Objective.String(), func(t *testing.T) { resumesByteForByte(t, backend, s, 6, 8) })
	}
}

func resumesByteForByte(t *testing.T, backend *xla.Opened, s train.Settings, stops ...int) {
	t.Helper()
	small := func() *eqflow.Model { return eqflowtest.Model(t, backend, eqflowtest.Small) }
	whole := t.TempDir()
	want, err := small().Train(context.Background(), train.Data{}, train.Run{Settings: s, Folder: whole})
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range stops {
		parts := t.TempDir()
		ctx, cancel := context.WithCancel(context.Background())
		report := func(p train.Progress) {
			if p.Step == stop {
				cancel()
			}
		}
		_, err = small().Train(ctx, train.Data{}, train.Run{Settings: s, Folder: parts, Report: report})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("stopped run returned %v", err)
		}
		got, err := small().Train(context.Background(), train.Data{}, train.Run{Settings: s, Folder: parts})
		if err != nil {
			t.Fatal(err)
		}
		for k, r := range want.Rungs {
			if got.Rungs[k] != r {
				t.Errorf("stopped at %d: rung %d is %+v, want %+v", stop, k, got.Rungs[k], r)
			}
		}
		sameParameters(t, filepath.Join(parts, "model.npz"), filepath.Join(whole, "model.npz"))
	}
}

// Where the flow is right, path gradients vanish for every draw, and the total gradient vanishes
// only on average. Path gradients leave the parameters in place; the noise of the total gradient
// moves them.
func TestPathGradientsVanishAtTheTarget(t *testing.T) {
	const steps = 60
	lost := map[bool]float64{} // 1 − ESS
	for _, path := range []bool{false, true} {
		m := eqflowtest.Generator(t, xlatest.OpenGo(t), eqflow.Generator{
			Target: target.Harmonic{N: 4, D: 2, K: 1}, Flow: eqflowtest.Small, Seed: 1,
		})
		s := train.Settings{ // without an average, and at a low rate
			Objective: train.Energy{Path: path, Penalty: new(0.0)}, Steps: steps, Batch: 32,
			Average: new(0.0), Seed: steps, LearningRate: 1e-2,
		}
		if _, err := m.Train(context.Background(), train.Data{}, train.Run{Settings: s}); err != nil {
			t.Fatal(err)
		}
		x, err := m.Sample(512, 1)
		if err != nil {
			t.Fatal(err)
		}
		lost[path] = 1 - stats.KishESS(x.LogWeight)/512
	}
	if !(lost[true] < lost[false]/3) {
		t.Errorf("1 − ESS is %.2g with path gradients, %.2g without", lost[true], lost[false])
	}
}

// Forces remove noise from the regression and keep its mean: the loss falls for the same data. For
// a Gaussian with the same stiffness in every direction no noise is left.
func TestForcesRemoveTheNoise(t *testing.T) {
	x := softModel(t).Prior.Sample(rand.New(rand.NewPCG(1, 1)), 2000)
	for i := range x.X {
		x.X[i] /= math.Sqrt(softTrap.K)
	}
	loss := map[bool]float64{}
	for _, forces := range []bool{false, true} {
		s := train.Settings{Objective: train.Matching{Forces: forces}, Steps: 150, LearningRate: 3e-2, Seed: 1}
		h, err := softModel(t).Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s})
		if err != nil {
			t.Fatal(err)
		}
		loss[forces] = h.Records[len(h.Records)-1].Loss
	}
	if !(loss[true] < 0.02*loss[false]) {
		t.Errorf("loss %.3g with forces, %.3g without", loss[true], loss[false])
	}
}

func TestDataFreeSettingsAreChecked(t *testing.T) {
	for name, s := range map[string]train.Settings{
		"path gradients with Rényi": {Objective: train.Likelihood{Path: true, Renyi: 0.5}},
		"a negative penalty":        {Objective: train.Likelihood{Penalty: new(-1.0)}},
		"a decay of one":            {Average: new(1.0)},
		"forces with transport":     {Objective: train.Matching{Forces: true, Pairing: train.OptimalTransport}},
		"one draw":                  {Objective: train.Annealed{Draws: 1}},
		"a share of two":            {Objective: train.Mixture{Share: 2}},
		"negative moves":            {Objective: train.Annealed{Moves: -1}},
	} {
		var bad *train.SettingsError
		if err := s.Validate(); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := eqflowtest.Model(t, xlatest.OpenGo(t), flow.Coupling{Blocks: 2, Hidden: 4})
	run := train.Run{Settings: train.Settings{Objective: train.Annealed{}}}
	if _, err := m.Train(context.Background(), train.Data{}, run); err == nil {
		t.Error("no error for a coupling flow")
	}
}
