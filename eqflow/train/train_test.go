package train_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Every objective lowers its own loss, for every kind of flow that it can train.
func TestObjectivesFall(t *testing.T) {
	x := eqflowtest.Data(t)
	onGo, onXLA := xlatest.OpenGo, xlatest.Open
	for _, c := range []struct {
		name      string
		flow      flow.Config
		objective train.Objective
		open      func(testing.TB) *xla.Opened
	}{
		{"kernel", eqflowtest.Small, train.Likelihood{}, onGo},
		{"kernel", eqflowtest.Small, train.Energy{}, onGo},
		{"kernel", eqflowtest.Small, train.Mixture{}, onXLA},
		{"kernel", eqflowtest.Small, train.Matching{}, onXLA},
		{"realnvp", flow.Coupling{Blocks: 4, Hidden: 16}, train.Likelihood{}, onXLA},
		{"realnvp", flow.Coupling{Blocks: 4, Hidden: 16}, train.Energy{}, onGo},
		{"mlp", flow.Continuous{Field: dynamics.MLP{Hidden: 16}, Steps: 4}, train.Likelihood{}, onGo},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 2, Hidden: 8}, Steps: 2}, train.Matching{}, onGo},
		{"onehop", flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 2}, train.Matching{}, onGo},
		{"onehop", flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 1}, train.Likelihood{}, onGo},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 8}, Steps: 1}, train.Likelihood{}, onGo},
	} {
		t.Run(c.name+" by "+c.objective.String(), func(t *testing.T) {
			m := eqflowtest.Model(t, c.open(t), c.flow)
			s := eqflowtest.Settings(40)
			s.Objective = c.objective
			h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s})
			if err != nil {
				t.Fatal(err)
			}
			if first, last := h.Records[0].Loss, h.Records[len(h.Records)-1].Loss; !(last < first) {
				t.Errorf("loss went from %g to %g", first, last)
			}
		})
	}
}

// Pairing by optimal transport gives shorter and straighter trajectories, so that the remaining
// loss of flow matching is far lower.
func TestTransportPairingLowersTheLoss(t *testing.T) {
	x, loss := eqflowtest.Data(t), map[train.Pairing]float64{}
	field := dynamics.OneHop{Hidden: 8, Channels: 2}
	for _, pairing := range train.Pairings {
		m := eqflowtest.Model(t, xlatest.OpenGo(t), flow.Continuous{Field: field, Steps: 2})
		s := eqflowtest.Settings(40)
		s.Objective = train.Matching{Pairing: pairing}
		h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s})
		if err != nil {
			t.Fatal(err)
		}
		loss[pairing] = h.Records[len(h.Records)-1].Loss
	}
	if ot, independent := loss[train.OptimalTransport], loss[train.Independent]; !(ot < independent*2/3) {
		t.Errorf("loss %g paired by transport, %g paired independently", ot, independent)
	}
}

// Each flow trains by its own recipe by default, and settings that are given stay.
func TestSettingsSuitTheFlow(t *testing.T) {
	for name, want := range map[string]train.Objective{
		"kernel": train.Likelihood{}, "realnvp": train.Likelihood{}, "mlp": train.Likelihood{},
		"egnn": train.Matching{}, "onehop": train.Matching{},
	} {
		config, err := flow.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := (train.Settings{}).SuitFlow(config).WithDefaults(); got.Objective.String() != want.String() {
			t.Errorf("%s trains by %s, not by %s", name, got.Objective, want)
		}
		asked := train.Settings{Objective: train.Energy{}, Steps: 7, Optimizer: train.Adam, LearningRate: 0.1}
		if got := asked.SuitFlow(config); got != asked {
			t.Errorf("%s turns %+v into %+v", name, asked, got)
		}
	}
}

// The Rényi term is ln⟨exp(−u − log q)⟩ over the batch. The loss of the first step is compared with
// one computed here from densities and energies.
func TestRenyiTerm(t *testing.T) {
	x := eqflowtest.Data(t)
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	logQ, err := m.LogProb(x, 0)
	if err != nil {
		t.Fatal(err)
	}
	want, inverse := 0.0, 0.0
	for i, l := range logQ {
		want -= l / float64(x.Len())
		inverse += math.Exp(-target.DW4().EnergyForces(x.At(i), nil)-l) / float64(x.Len())
	}
	const weight = 0.7
	want += weight * math.Log(inverse)
	s := train.Settings{Steps: 1, Batch: x.Len(), Objective: train.Likelihood{Penalty: new(0.0), Renyi: weight}}
	h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Records[0].Loss; math.Abs(got-want) > 1e-4 {
		t.Errorf("first loss is %.6f, want %.6f", got, want)
	}
}

// A run that is stopped and resumed ends with the same bytes as an uninterrupted run, losses
// included.
func TestResumeIsByteForByte(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		x := eqflowtest.Data(t)
		whole, parts := t.TempDir(), t.TempDir()
		sets, s := train.Data{Train: x.Slice(0, 200)}, eqflowtest.Settings(12)
		if backend == xlatest.OpenGo(t) { // the Go backend compiles the validation's program at once
			sets.Validation, s.EarlyStop = x.Slice(200, 256), true
		}
		small := func() *eqflow.Model { return eqflowtest.Model(t, backend, eqflowtest.Small) }
		want, err := small().Train(context.Background(), sets, train.Run{Settings: s, Folder: whole})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		report := func(p train.Progress) {
			if p.Step == 7 {
				cancel()
			}
		}
		_, err = small().Train(ctx, sets, train.Run{Settings: s, Folder: parts, Report: report})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "step 7 of 12") {
			t.Fatalf("stopped run returned %v", err)
		}
		got, err := small().Train(context.Background(), sets, train.Run{Settings: s, Folder: parts})
		if err != nil {
			t.Fatal(err)
		}
		for i := range want.Records {
			if want.Records[i].Loss != got.Records[i].Loss || want.Records[i].Validation != got.Records[i].Validation {
				t.Errorf("record %d is %+v, want %+v", i, got.Records[i], want.Records[i])
			}
		}
		if got.Best != want.Best || got.BestNLL != want.BestNLL {
			t.Errorf("best is %g at step %d, want %g at step %d", got.BestNLL, got.Best, want.BestNLL, want.Best)
		}
		sameParameters(t, filepath.Join(parts, "model.npz"), filepath.Join(whole, "model.npz"))
	})
}

func sameParameters(t *testing.T, a, b string) {
	t.Helper()
	got, err := dataset.ReadArrays(a)
	if err != nil {
		t.Fatal(err)
	}
	want, err := dataset.ReadArrays(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if w.F32 == nil {
			continue
		}
		g, _ := got.Get(w.Name)
		for i := range w.F32 {
			if g.F32[i] != w.F32[i] {
				t.Fatalf("%s differs at %d: %g and %g", w.Name, i, g.F32[i], w.F32[i])
			}
		}
	}
}

func TestFolderOfAnotherRunIsRefused(t *testing.T) {
	backend, x, folder := xlatest.OpenGo(t), eqflowtest.Data(t), t.TempDir()
	fit := func(system target.Target, s train.Settings) error {
		m := eqflowtest.Generator(t, backend, eqflow.Generator{Target: system, Flow: eqflowtest.Small, Seed: 1})
		_, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s, Folder: folder})
		return err
	}
	if err := fit(target.DW4(), eqflowtest.Settings(2)); err != nil {
		t.Fatal(err)
	}
	warm := target.DW4()
	warm.KT = 2
	for name, err := range map[string]error{
		"system": fit(warm, eqflowtest.Settings(2)), "settings": fit(target.DW4(), eqflowtest.Settings(3)),
	} {
		if !errors.Is(err, train.ErrOtherModel) || !strings.Contains(err.Error(), name) {
			t.Errorf("another run's %s: %v", name, err)
		}
	}
}

func TestWrongDataIsRefused(t *testing.T) {
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	bad := eqflowtest.Data(t).Slice(0, 10).Clone()
	bad.X[13] = math.NaN()
	for name, b := range map[string]particle.Batch{
		"NaN": bad, "none": {N: 4, D: 2}, "other shape": particle.NewBatch(3, 5, 2),
	} {
		run := train.Run{Settings: eqflowtest.Settings(2)}
		if _, err := m.Train(context.Background(), train.Data{Train: b}, run); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Steps count over all calls. Training continues a model if the run asks for more steps, and
// otherwise returns an error that says so.
func TestTrainingContinues(t *testing.T) {
	x := eqflowtest.Data(t)
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	for _, steps := range []int{4, 8} {
		h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(steps)})
		if err != nil || h.Steps != steps || m.Trained() != steps {
			t.Fatalf("%d steps, of %d: %v", h.Steps, steps, err)
		}
	}
	_, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(8)})
	if err == nil || !strings.Contains(err.Error(), "has taken 8 training steps") {
		t.Errorf("no steps left: %v", err)
	}
}

func TestCouplingNeedsTwoCoordinates(t *testing.T) {
	backend, trap := xlatest.OpenGo(t).Backend, target.Harmonic{N: 2, D: 1}
	_, err := eqflow.New(backend, eqflow.Generator{Target: trap, Flow: flow.Coupling{}})
	if err == nil || !strings.Contains(err.Error(), "splits the coordinates") {
		t.Errorf("error is %v", err)
	}
	if _, err := eqflow.New(backend, eqflow.Generator{Target: trap, Flow: eqflowtest.Small}); err != nil {
		t.Error(err)
	}
}

// A loss that is not finite stops the run with an explanation. Here the configurations are far too
// wide for float32.
func TestNaNStopsTheRun(t *testing.T) {
	x := eqflowtest.Data(t).Clone()
	for i := range x.X {
		x.X[i] *= 1e25
	}
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	_, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(3)})
	if err == nil || !strings.Contains(err.Error(), "step 1") || !strings.Contains(err.Error(), "learning rate") {
		t.Errorf("error is %v", err)
	}
}

func TestLoadedModelIsTheSame(t *testing.T) {
	backend, x, folder := xlatest.OpenGo(t), eqflowtest.Data(t), t.TempDir()
	m := eqflowtest.Model(t, backend, eqflowtest.Small)
	run := train.Run{Settings: eqflowtest.Settings(5), Folder: folder}
	if _, err := m.Train(context.Background(), train.Data{Train: x}, run); err != nil {
		t.Fatal(err)
	}
	loaded, _, err := eqflow.Load(backend.Backend, folder)
	if err != nil {
		t.Fatal(err)
	}
	a, errA := m.Sample(20, 3)
	b, errB := loaded.Sample(20, 3)
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	for i := range a.LogQ {
		if a.LogQ[i] != b.LogQ[i] {
			t.Fatalf("log q of sample %d is %g, was %g", i, b.LogQ[i], a.LogQ[i])
		}
	}
}

// The harmonic trap of unit strength equals the prior, so that an untrained flow is nearly exact.
func TestHarmonicIsKnown(t *testing.T) {
	m := eqflowtest.Generator(t, xlatest.Open(t), eqflow.Generator{
		Target: target.Harmonic{N: 4, D: 2, K: 1}, Flow: eqflowtest.Small, Seed: 1,
	})
	s, err := m.Sample(4000, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Evaluate(s.X, evaluate.Options{Samples: new(4000), Equilibrium: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * math.Log(2*math.Pi); math.Abs(r.LogZ-want) > 5*r.LogZError+0.01 || r.ESS < 0.9 || !r.Trustworthy {
		t.Errorf("log Z %g, want %g; ESS %g; %s", r.LogZ, want, r.ESS, r.Why)
	}
}
