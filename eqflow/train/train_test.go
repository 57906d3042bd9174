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

// Every objective lowers its own loss, for every flow that it can train.
func TestObjectivesFall(t *testing.T) {
	x := eqflowtest.Data(t)
	onGo, onXLA := xlatest.OpenGo, xlatest.Open
	for _, c := range []struct {
		name      string
		flow      flow.Config
		objective train.Objective
		open      func(testing.TB) *xla.Opened
	}{
		{"kernel", eqflowtest.Small, train.Likelihood{}, onGo}, {"kernel", eqflowtest.Small, train.Energy{}, onGo}, {"kernel", eqflowtest.Small, train.Mixture{}, onXLA},
		{"kernel", eqflowtest.Small, train.Matching{}, onXLA}, {"realnvp", flow.Coupling{Blocks: 4, Hidden: 16}, train.Likelihood{}, onXLA},
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

// The transport coupling leaves shorter and straighter ways to learn: what flow matching cannot explain is far less.
func TestTransportCouplingLeavesLess(t *testing.T) {
	x, loss := eqflowtest.Data(t), map[train.Pairing]float64{}
	for _, coupling := range train.Pairings {
		m := eqflowtest.Model(t, xlatest.OpenGo(t), flow.Continuous{Field: dynamics.OneHop{Hidden: 8, Channels: 2}, Steps: 2})
		s := eqflowtest.Settings(40)
		s.Objective = train.Matching{Pairing: coupling}
		h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s})
		if err != nil {
			t.Fatal(err)
		}
		loss[coupling] = h.Records[len(h.Records)-1].Loss
	}
	if ot, independent := loss[train.OptimalTransport], loss[train.Independent]; !(ot < independent*2/3) {
		t.Errorf("loss %g coupled by transport, %g independently", ot, independent)
	}
}

// Each flow trains by its recipe where nothing else is asked for, and what is asked for stays.
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

// The Rényi term is ln⟨exp(−u − log q)⟩ over the batch: the first step's loss is that of densities and energies by hand.
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

// A run that was stopped and taken up again ends with the bytes of one that was not, losses included.
func TestResumeIsByteForByte(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		x := eqflowtest.Data(t)
		whole, parts := t.TempDir(), t.TempDir()
		sets, s := train.Data{Train: x.Slice(0, 200)}, eqflowtest.Settings(12)
		if backend == xlatest.OpenGo(t) { // where compiling the validation's program costs nothing
			sets.Validation, s.EarlyStop = x.Slice(200, 256), true
		}
		want, err := eqflowtest.Model(t, backend, eqflowtest.Small).Train(context.Background(), sets, train.Run{Settings: s, Folder: whole})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		_, err = eqflowtest.Model(t, backend, eqflowtest.Small).Train(ctx, sets, train.Run{Settings: s, Folder: parts, Report: func(p train.Progress) {
			if p.Step == 7 {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "step 7 of 12") {
			t.Fatalf("stopped run returned %v", err)
		}
		got, err := eqflowtest.Model(t, backend, eqflowtest.Small).Train(context.Background(), sets, train.Run{Settings: s, Folder: parts})
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
	fit := func(tgt target.Target, s train.Settings) error {
		m, err := eqflow.New(backend.Backend, eqflow.Generator{Target: tgt, Flow: eqflowtest.Small, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: s, Folder: folder})
		return err
	}
	if err := fit(target.DW4(), eqflowtest.Settings(2)); err != nil {
		t.Fatal(err)
	}
	warm := target.DW4()
	warm.KT = 2
	if err := fit(warm, eqflowtest.Settings(2)); !errors.Is(err, train.ErrOtherModel) || !strings.Contains(err.Error(), "system") {
		t.Errorf("another system: %v", err)
	}
	if err := fit(target.DW4(), eqflowtest.Settings(3)); !errors.Is(err, train.ErrOtherModel) || !strings.Contains(err.Error(), "settings") {
		t.Errorf("other settings: %v", err)
	}
}

func TestWrongDataIsRefused(t *testing.T) {
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	bad := eqflowtest.Data(t).Slice(0, 10).Clone()
	bad.X[13] = math.NaN()
	for what, b := range map[string]particle.Batch{"NaN": bad, "none": {N: 4, D: 2}, "other shape": particle.NewBatch(3, 5, 2)} {
		if _, err := m.Train(context.Background(), train.Data{Train: b}, train.Run{Settings: eqflowtest.Settings(2)}); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Steps count over all calls: a trained model goes on where a run has more of them, and says so where it has not.
func TestTrainingGoesOn(t *testing.T) {
	x := eqflowtest.Data(t)
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	for _, steps := range []int{4, 8} {
		h, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(steps)})
		if err != nil || h.Steps != steps || m.Trained() != steps {
			t.Fatalf("%d steps, of %d: %v", h.Steps, steps, err)
		}
	}
	_, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(8)})
	if err == nil || !strings.Contains(err.Error(), "8 training steps behind it") {
		t.Errorf("no steps left: %v", err)
	}
}

func TestCouplingNeedsTwoCoordinates(t *testing.T) {
	_, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 2, D: 1}, Flow: flow.Coupling{}})
	if err == nil || !strings.Contains(err.Error(), "needs 2 coordinates") {
		t.Errorf("error is %v", err)
	}
	if _, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 2, D: 1}, Flow: eqflowtest.Small}); err != nil {
		t.Error(err)
	}
}

// A loss that is not finite stops the run with an explanation: here from configurations far too wide for float32.
func TestNaNStopsTheRun(t *testing.T) {
	x := eqflowtest.Data(t).Clone()
	for i := range x.X {
		x.X[i] *= 1e25
	}
	_, err := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small).Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(3)})
	if err == nil || !strings.Contains(err.Error(), "step 1") || !strings.Contains(err.Error(), "learning rate") {
		t.Errorf("error is %v", err)
	}
}

func TestLoadedModelIsTheSame(t *testing.T) {
	backend, x, folder := xlatest.OpenGo(t), eqflowtest.Data(t), t.TempDir()
	m := eqflowtest.Model(t, backend, eqflowtest.Small)
	if _, err := m.Train(context.Background(), train.Data{Train: x}, train.Run{Settings: eqflowtest.Settings(5), Folder: folder}); err != nil {
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
	m, err := eqflow.New(xlatest.Open(t).Backend, eqflow.Generator{Target: target.Harmonic{N: 4, D: 2, K: 1}, Flow: eqflowtest.Small, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
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
