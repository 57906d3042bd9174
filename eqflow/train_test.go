package eqflow_test

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
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

var small = flow.Continuous{Field: dynamics.RadialBasis{Centres: 10, TimeCentres: 3, Width: 1}, Steps: 4}

func data(t *testing.T) particle.Batch {
	t.Helper()
	x, _, err := mcmc.Equilibrium(context.Background(), target.DW4(), 256, mcmc.Auto, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func newModel(t *testing.T, backend *xla.Opened, config flow.Config) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(backend.Backend, eqflow.Generator{Target: target.DW4(), Flow: config, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func settings(steps int) eqflow.Settings {
	return eqflow.Settings{Steps: steps, Batch: 32, WarmUp: 2, LearningRate: 1e-2, ValidateEvery: 4, CheckpointEvery: 3, Seed: 5}
}

// Every objective lowers its own loss, for every flow that it can train.
func TestObjectivesFall(t *testing.T) {
	x := data(t)
	onGo, onXLA := xlatest.OpenGo, xlatest.Open
	for _, c := range []struct {
		name      string
		flow      flow.Config
		objective eqflow.Objective
		open      func(testing.TB) *xla.Opened
	}{
		{"kernel", small, eqflow.Likelihood, onGo}, {"kernel", small, eqflow.Energy, onGo}, {"kernel", small, eqflow.Mixture, onXLA},
		{"kernel", small, eqflow.FlowMatching, onXLA}, {"realnvp", flow.Coupling{Blocks: 4, Hidden: 16}, eqflow.Likelihood, onXLA},
		{"realnvp", flow.Coupling{Blocks: 4, Hidden: 16}, eqflow.Energy, onGo},
		{"mlp", flow.Continuous{Field: dynamics.MLP{Hidden: 16}, Steps: 4}, eqflow.Likelihood, onGo},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 2, Hidden: 8}, Steps: 2}, eqflow.FlowMatching, onGo},
		{"onehop", flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 2}, eqflow.FlowMatching, onGo},
		{"onehop", flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 1}, eqflow.Likelihood, onGo},
		{"egnn", flow.Continuous{Field: dynamics.EGNN{Layers: 1, Hidden: 8}, Steps: 1}, eqflow.Likelihood, onGo},
	} {
		t.Run(c.name+" by "+string(c.objective), func(t *testing.T) {
			m := newModel(t, c.open(t), c.flow)
			s := settings(40)
			s.Objective = c.objective
			h, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: s})
			if err != nil {
				t.Fatal(err)
			}
			if first, last := h.Records[0].Loss, h.Records[len(h.Records)-1].Loss; !(last < first) {
				t.Errorf("loss went from %g to %g", first, last)
			}
		})
	}
}

// The transport coupling leaves shorter and straighter ways to learn: what flow matching cannot explain is far less.
func TestTransportCouplingLeavesLess(t *testing.T) {
	x, loss := data(t), map[eqflow.Coupling]float64{}
	for _, coupling := range eqflow.Couplings {
		m := newModel(t, xlatest.OpenGo(t), flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 2})
		s := settings(40)
		s.Coupling = coupling
		h, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: s})
		if err != nil {
			t.Fatal(err)
		}
		loss[coupling] = h.Records[len(h.Records)-1].Loss
	}
	if ot, independent := loss[eqflow.OptimalTransport], loss[eqflow.Independent]; !(ot < independent*2/3) {
		t.Errorf("loss %g coupled by transport, %g independently", ot, independent)
	}
}

// Each flow trains by its recipe where nothing else is asked for, and what is asked for stays.
func TestSettingsSuitTheFlow(t *testing.T) {
	for name, want := range map[string]eqflow.Objective{
		"kernel": eqflow.Likelihood, "realnvp": eqflow.Likelihood, "mlp": eqflow.Likelihood,
		"egnn": eqflow.FlowMatching, "onehop": eqflow.FlowMatching,
	} {
		config, err := eqflow.NamedFlow(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := (eqflow.Settings{}).SuitFlow(config).WithDefaults(); got.Objective != want {
			t.Errorf("%s trains by %s, not by %s", name, got.Objective, want)
		}
		asked := eqflow.Settings{Objective: eqflow.Energy, Steps: 7, Optimizer: eqflow.Adam, LearningRate: 0.1}
		if got := asked.SuitFlow(config); got != asked {
			t.Errorf("%s turns %+v into %+v", name, asked, got)
		}
	}
}

// The Rényi term is ln⟨exp(−u − log q)⟩ over the batch: the first step's loss is that of densities and energies by hand.
func TestRenyiTerm(t *testing.T) {
	x := data(t)
	m := newModel(t, xlatest.OpenGo(t), small)
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
	s := eqflow.Settings{Steps: 1, Batch: x.Len(), Penalty: -1, Renyi: weight}
	h, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: s})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Records[0].Loss; math.Abs(got-want) > 1e-4 {
		t.Errorf("first loss is %.6f, want %.6f", got, want)
	}
}

// A run that was stopped and taken up again ends with the bytes of one that was not, losses included.
func TestResumeIsByteForByte(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		x := data(t)
		whole, parts := t.TempDir(), t.TempDir()
		sets, s := eqflow.Data{Train: x.Slice(0, 200)}, settings(12)
		if backend == xlatest.OpenGo(t) { // where compiling the validation's program costs nothing
			sets.Validation, s.EarlyStop = x.Slice(200, 256), true
		}
		want, err := newModel(t, backend, small).Train(context.Background(), sets, eqflow.Run{Settings: s, Folder: whole})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		_, err = newModel(t, backend, small).Train(ctx, sets, eqflow.Run{Settings: s, Folder: parts, Report: func(p eqflow.Progress) {
			if p.Step == 7 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "step 7 of 12") {
			t.Fatalf("stopped run returned %v", err)
		}
		got, err := newModel(t, backend, small).Train(context.Background(), sets, eqflow.Run{Settings: s, Folder: parts})
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
	backend, x, folder := xlatest.OpenGo(t), data(t), t.TempDir()
	train := func(tgt target.Target, s eqflow.Settings) error {
		m, err := eqflow.New(backend.Backend, eqflow.Generator{Target: tgt, Flow: small, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: s, Folder: folder})
		return err
	}
	if err := train(target.DW4(), settings(2)); err != nil {
		t.Fatal(err)
	}
	warm := target.DW4()
	warm.KT = 2
	if err := train(warm, settings(2)); !errors.Is(err, eqflow.ErrOtherModel) || !strings.Contains(err.Error(), "system") {
		t.Errorf("another system: %v", err)
	}
	if err := train(target.DW4(), settings(3)); !errors.Is(err, eqflow.ErrOtherModel) || !strings.Contains(err.Error(), "settings") {
		t.Errorf("other settings: %v", err)
	}
}

func TestWrongDataIsRefused(t *testing.T) {
	m := newModel(t, xlatest.OpenGo(t), small)
	bad := data(t).Slice(0, 10).Clone()
	bad.X[13] = math.NaN()
	for what, b := range map[string]particle.Batch{"NaN": bad, "none": {N: 4, D: 2}, "other shape": particle.NewBatch(3, 5, 2)} {
		if _, err := m.Train(context.Background(), eqflow.Data{Train: b}, eqflow.Run{Settings: settings(2)}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Steps count over all calls: a trained model goes on where a run has more of them, and says so where it has not.
func TestTrainingGoesOn(t *testing.T) {
	x := data(t)
	m := newModel(t, xlatest.OpenGo(t), small)
	for _, steps := range []int{4, 8} {
		h, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: settings(steps)})
		if err != nil || h.Steps != steps || m.Trained() != steps {
			t.Fatalf("%d steps, of %d: %v", h.Steps, steps, err)
		}
	}
	_, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: settings(8)})
	if err == nil || !strings.Contains(err.Error(), "8 training steps behind it") {
		t.Errorf("no steps left: %v", err)
	}
}

func TestCouplingNeedsTwoCoordinates(t *testing.T) {
	_, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 2, D: 1}, Flow: flow.Coupling{}})
	if err == nil || !strings.Contains(err.Error(), "needs 2 coordinates") {
		t.Errorf("error is %v", err)
	}
	if _, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 2, D: 1}, Flow: small}); err != nil {
		t.Error(err)
	}
}

// A loss that is not finite stops the run with an explanation: here from configurations far too wide for float32.
func TestNaNStopsTheRun(t *testing.T) {
	x := data(t).Clone()
	for i := range x.X {
		x.X[i] *= 1e25
	}
	_, err := newModel(t, xlatest.OpenGo(t), small).Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: settings(3)})
	if err == nil || !strings.Contains(err.Error(), "step 1") || !strings.Contains(err.Error(), "learning rate") {
		t.Errorf("error is %v", err)
	}
}

func TestLoadedModelIsTheSame(t *testing.T) {
	backend, x, folder := xlatest.OpenGo(t), data(t), t.TempDir()
	m := newModel(t, backend, small)
	if _, err := m.Train(context.Background(), eqflow.Data{Train: x}, eqflow.Run{Settings: settings(5), Folder: folder}); err != nil {
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

// The harmonic trap of unit strength is the prior itself: an untrained flow is nearly exact.
func TestHarmonicIsKnown(t *testing.T) {
	m, err := eqflow.New(xlatest.Open(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 4, D: 2, K: 1}, Flow: small, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Sample(4000, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Evaluate(s.X, eqflow.Evaluation{Samples: 4000, Equilibrium: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * math.Log(2*math.Pi); math.Abs(r.LogZ-want) > 5*r.LogZError+0.01 || r.ESS < 0.9 || !r.Trustworthy {
		t.Errorf("log Z %g, want %g; ESS %g; %s", r.LogZ, want, r.ESS, r.Why)
	}
}
