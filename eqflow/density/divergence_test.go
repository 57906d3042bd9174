package density_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/stat"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

func probedModel(t *testing.T, field dynamics.Config) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: target.DW4(), Seed: 3, Flow: flow.Continuous{Field: field, Solver: ode.Midpoint, Steps: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func inverse(t *testing.T, m *eqflow.Model, x particle.Batch, d engine.Divergence) density.Image {
	t.Helper()
	if err := m.SetDivergence(d); err != nil {
		t.Fatal(err)
	}
	image, err := m.Inverse(x, 0)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// For 1000 configurations, estimates of log q from K of F orthogonal probes have the exact log q as
// their mean and a variance proportional to 1/K − 1/F. Their standard errors agree with their
// scatter.
func TestEstimatesAreUnbiasedWithRightErrors(t *testing.T) {
	m := probedModel(t, dynamics.MLP{Hidden: 16})
	x := m.Prior.Sample(rand.New(rand.NewPCG(4, 4)), 1000)
	exact := inverse(t, m, x, engine.Divergence{})
	if exact.LogQError != nil {
		t.Error("an exact log q has errors")
	}
	single := 0.0
	for _, probes := range []int{1, 2, 4, 5} {
		image := inverse(t, m, x, engine.Divergence{Probes: probes, Seed: 7})
		deviation, predicted := make([]float64, x.Len()), 0.0
		square := 0.0
		for i := range deviation {
			deviation[i] = image.LogQ[i] - exact.LogQ[i]
			square += deviation[i] * deviation[i] / float64(len(deviation))
			if probes > 1 {
				predicted += image.LogQError[i] * image.LogQError[i] / float64(len(deviation))
			}
		}
		if probes == 1 {
			single = square / (1 - 1./6)
		}
		mean, spread := stat.MeanStdDev(deviation, nil)
		err := spread / math.Sqrt(float64(len(deviation)))
		want := single * (1/float64(probes) - 1./6)
		t.Logf("%d probes: mean error %.5f ± %.5f, mean square %.3g, by the standard errors %.3g, expected %.3g",
			probes, mean, err, square, predicted, want)
		if !(math.Abs(mean) < 4*err) {
			t.Errorf("%d probes: estimates are off by %g ± %g", probes, mean, err)
		}
		// A mean square of 1000 draws has a relative error of 5–8 %.
		if !(math.Abs(square/want-1) < 0.3) {
			t.Errorf("%d probes: mean square %g, want %g", probes, square, want)
		}
		if probes > 1 && !(math.Abs(predicted/square-1) < 0.3) {
			t.Errorf("%d probes: the mean square by the standard errors is %g, want %g", probes, predicted, square)
		}
	}
}

// swelling is the field v = x, whose Jacobian is the identity: a single probe gives its divergence
// (n−1)·d.
type swelling struct{}

func (swelling) Validate() error                                           { return nil }
func (swelling) Bind(*model.Scope, *Graph, dynamics.System) dynamics.Field { return swelling{} }

func (swelling) At(_, x *Node) (v, div *Node) {
	dims := x.Shape().Dimensions
	return x, BroadcastToDims(ConstAsDType(x.Graph(), x.DType(), (dims[1]-1)*dims[2]), dims[0])
}

func (swelling) Along(_, x, probes *Node) (v, products *Node) {
	return x, ReduceSum(Mul(probes, probes), 1, 2)
}

func TestOneProbeIsExactForSwelling(t *testing.T) {
	m := probedModel(t, swelling{})
	x := m.Prior.Sample(rand.New(rand.NewPCG(4, 4)), 50)
	exact := inverse(t, m, x, engine.Divergence{})
	for _, probes := range []int{1, 3} {
		image := inverse(t, m, x, engine.Divergence{Probes: probes})
		for i := range exact.LogQ {
			if math.Abs(image.LogQ[i]-exact.LogQ[i]) > 1e-5 || probes > 1 && image.LogQError[i] > 1e-5 {
				t.Fatalf("log q is %g, want %g, with %d probes", image.LogQ[i], exact.LogQ[i], probes)
			}
		}
	}
}

// The probes of a configuration depend on the seed, but neither on its position in a batch nor on
// its centre of mass.
func TestProbesAreReproducible(t *testing.T) {
	m := probedModel(t, dynamics.MLP{Hidden: 8})
	x := m.Prior.Sample(rand.New(rand.NewPCG(4, 4)), 30)
	for i := range x.X {
		x.X[i] = float64(float32(x.X[i]))
	}
	first := inverse(t, m, x, engine.Divergence{Probes: 2, Seed: 1})
	again := inverse(t, m, x, engine.Divergence{Probes: 2, Seed: 1})
	last := inverse(t, m, x.Slice(20, 30), engine.Divergence{Probes: 2, Seed: 1})
	if !slices.Equal(first.LogQ, again.LogQ) || !slices.Equal(first.LogQError, again.LogQError) ||
		!slices.Equal(first.LogQ[20:], last.LogQ) {
		t.Error("the same seed gives other numbers")
	}
	other := inverse(t, m, x, engine.Divergence{Probes: 2, Seed: 2})
	if other.LogQ[0] == first.LogQ[0] || !slices.Equal(other.X.X, first.X.X) {
		t.Error("another seed must change the probes, and nothing else")
	}
}

func TestDivergenceErrors(t *testing.T) {
	probed := probedModel(t, dynamics.MLP{Hidden: 8})
	for _, c := range []struct {
		m      *eqflow.Model
		probes int
		says   string
	}{
		{probed, -1, "at least 1"}, {probed, 6, "no fewer than the 6 directions"},
		{eqflowtest.Harmonic(t, 1), 2, "kernel is exact at next to no cost"},
	} {
		err := c.m.SetDivergence(engine.Divergence{Probes: c.probes})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%d probes: %v", c.probes, err)
		}
		if c.m.Divergence() != (engine.Divergence{}) {
			t.Error("SetDivergence keeps the wrong choice")
		}
	}
	if err := probed.SetDivergence(engine.Divergence{Probes: 2}); err != nil {
		t.Fatal(err)
	}
	_, err := probed.Train(t.Context(), train.Data{}, train.Run{})
	if err == nil || !strings.Contains(err.Error(), "exact divergence") {
		t.Errorf("training: %v", err)
	}
}

// Noise of a known σ raises log Z by σ²/2 and lowers the ESS by the factor exp(−σ²), as Noise and
// Divergence say.
func TestNoiseRaisesLogZ(t *testing.T) {
	const sigma, draws = 0.5, 200000
	rng := rand.New(rand.NewPCG(9, 9))
	logW, errors := make([]float64, draws), make([]float64, draws)
	for i := range logW {
		logW[i], errors[i] = sigma*rng.NormFloat64(), sigma
	}
	n := density.NoiseOf(errors, logW)
	if math.Abs(n.LogQError-sigma) > 1e-9 || math.Abs(n.Inflation-sigma*sigma/2) > 1e-9 {
		t.Errorf("%+v", n)
	}
	z, ess := stats.LogMeanExp(logW), stats.KishESS(logW)/draws
	if math.Abs(z-n.Inflation) > 0.005 || math.Abs(ess-math.Exp(-sigma*sigma)) > 0.01 {
		t.Errorf("log Z is %g, the ESS %g", z, ess)
	}
	if n = density.NoiseOf(nil, logW); !math.IsNaN(n.LogQError) || !math.IsNaN(n.Inflation) {
		t.Errorf("%+v of unknown noise", n)
	}
}

// Reports and files state the method of the divergence. An adaptive solve uses the same probes and
// agrees with the fixed steps.
func TestReportsStateTheDivergence(t *testing.T) {
	m := probedModel(t, dynamics.MLP{Hidden: 8})
	x := m.Prior.Sample(rand.New(rand.NewPCG(4, 4)), 40)
	for _, d := range []engine.Divergence{{}, {Probes: 1, Seed: 5}, {Probes: 4, Seed: 5}} {
		if err := m.SetDivergence(d); err != nil {
			t.Fatal(err)
		}
		r, err := m.Evaluate(x, evaluate.Options{Samples: new(100), Compare: new(0), Bootstrap: 10})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.AdaptiveNLL-r.FixedNLL) > 0.01 || math.Abs(r.NLL4-r.NLL) > 0.01 {
			t.Errorf("%+v: the NLL is %g, %g with finer and %g with adaptive steps", d, r.NLL, r.NLL4, r.AdaptiveNLL)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Sample(20, 1)
		if err != nil {
			t.Fatal(err)
		}
		set, err := m.Set(s, 1)
		if err != nil {
			t.Fatal(err)
		}
		var method engine.Method
		err = json.Unmarshal(set.Manifest.Settings, &method)
		if err != nil || method != d.Method() || r.Method != method {
			t.Errorf("the file says %s, the report %+v", set.Manifest.Settings, r.Method)
		}
		_, kept := set.Arrays.Get("log_q_error")
		if known := d.Probes > 1; kept != known || strings.Contains(string(text), "log_z_inflation") != known ||
			!known == (r.LogQError > 0) {
			t.Errorf("%+v: errors kept %t, the report is %s", d, kept, text)
		}
	}
}
