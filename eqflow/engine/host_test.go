package engine_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// moved returns a model of an EGNN with parameters away from their first values, where whole parts of the gradient are zero.
func moved(t *testing.T, backend *xla.Opened, field dynamics.EGNN, by float64) (*eqflow.Model, *rand.Rand) {
	t.Helper()
	if _, ok := egnn.New(field, 4, 2); !ok {
		t.Skip("the C needs cgo and AVX2, and one of them is missing: the graphs are used here")
	}
	m := eqflowtest.Model(t, backend, flow.Continuous{Field: field})
	rng := rand.New(rand.NewPCG(1, 2))
	parameters, err := m.Export()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parameters {
		for k := range p.F32 {
			p.F32[k] += float32(by * rng.NormFloat64())
		}
	}
	if err := m.Import(parameters); err != nil {
		t.Fatal(err)
	}
	return m, rng
}

// The EGNN's flow in C is that of the graphs, there and back, followed, by adaptive steps, and with estimated divergences.
func TestFlowInCIsTheGraphs(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		field := dynamics.EGNN{Hidden: 32, Layers: 2, Harmonics: 1}
		m, rng := moved(t, backend, field, 0.05)
		graphs, _ := moved(t, backend, field, 0.05)
		graphs = eqflowtest.InGraphs(t, graphs)
		x := m.Prior.Sample(rng, 11)
		estimated := func(apply func(m *eqflow.Model) (density.Image, error)) func(m *eqflow.Model) (density.Image, error) {
			return func(m *eqflow.Model) (density.Image, error) {
				if err := m.SetDivergence(engine.Divergence{Probes: 3, Seed: 5}); err != nil {
					return density.Image{}, err
				}
				defer m.SetDivergence(engine.Divergence{})
				return apply(m)
			}
		}
		forward := func(m *eqflow.Model) (density.Image, error) { return m.Forward(x, 0) }
		for name, apply := range map[string]func(m *eqflow.Model) (density.Image, error){
			"from the prior":           forward,
			"to the prior":             func(m *eqflow.Model) (density.Image, error) { return m.Inverse(x, 7) },
			"with probes":              estimated(forward),
			"to the prior with probes": estimated(func(m *eqflow.Model) (density.Image, error) { return m.Inverse(x, 0) }),
			"followed": func(m *eqflow.Model) (density.Image, error) {
				path, err := m.Path(x, 3)
				return density.Image{X: path[1]}, err
			},
			"adaptive": func(m *eqflow.Model) (density.Image, error) {
				logProb, _, err := m.LogProbAdaptive(x, ode.Adaptive{})
				return density.Image{LogQ: logProb}, err
			},
		} {
			want, err := apply(graphs)
			if err != nil {
				t.Fatal(err)
			}
			got, err := apply(m)
			if err != nil {
				t.Fatal(err)
			}
			if e := far(got.X.X, want.X.X); len(got.X.X) != len(want.X.X) || !(e < 1e-4) {
				t.Errorf("%s: configurations differ by %.2g", name, e)
			}
			if e := far(got.LogQ, want.LogQ); len(got.LogQ) != len(want.LogQ) || !(e < 1e-3) {
				t.Errorf("%s: log-densities differ by %.2g", name, e)
			}
			if e := far(got.LogQError, want.LogQError); len(got.LogQError) != len(want.LogQError) || !(e < 1e-3) {
				t.Errorf("%s: standard errors differ by %.2g", name, e)
			}
		}
	})
}

// The EGNN's regression and its gradient in C are those of the graphs, whatever the layers, the harmonics, the forces and the batch.
func TestMatchingInCIsTheGraphs(t *testing.T) {
	backend := xlatest.OpenGo(t)
	for name, c := range map[string]struct {
		field    dynamics.EGNN
		settings train.Settings
		size     int
	}{
		"as it comes":           {dynamics.EGNN{}, train.Settings{}, 20},
		"forces and harmonics":  {dynamics.EGNN{Harmonics: 2}, train.Settings{Objective: train.Matching{Forces: true}}, 5},
		"one layer":             {dynamics.EGNN{Layers: 1, Hidden: 32}, train.Settings{}, 16},
		"four wide layers":      {dynamics.EGNN{Layers: 4, Hidden: 96, Middle: 2}, train.Settings{}, 9},
		"means":                 {dynamics.EGNN{Layers: 3, Hidden: 32, Mean: true}, train.Settings{}, 7},
		"one configuration":     {dynamics.EGNN{Layers: 2}, train.Settings{}, 1},
		"annealed, with forces": {dynamics.EGNN{Layers: 2}, train.Settings{Objective: train.Annealed{}}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			m, rng := moved(t, backend, c.field, 0.1)
			in := engine.Inputs{X: m.Prior.Sample(rng, c.size), Z: m.Prior.Sample(rng, c.size), Slopes: m.Prior.Sample(rng, c.size), Stiffness: 3}
			for range c.size {
				in.T = append(in.T, rng.Float64())
			}
			if c.settings.Objective == nil {
				c.settings.Objective = train.Matching{}
			}
			loss, gradient, err := m.Loss(c.settings, in)
			if err != nil {
				t.Fatal(err)
			}
			want, wants, err := eqflowtest.InGraphs(t, m).Loss(c.settings, in)
			if err != nil {
				t.Fatal(err)
			}
			if !(math.Abs(loss-want) < 2e-6*math.Abs(want)) {
				t.Errorf("loss %.8g, want %.8g", loss, want)
			}
			for k, g := range gradient {
				norm := 0.0
				for _, v := range wants[k].Float64s() {
					norm = math.Max(norm, math.Abs(v))
				}
				if e := far(g.Float64s(), wants[k].Float64s()); norm == 0 || !(e < 1e-4*norm) {
					t.Errorf("gradient by %s differs by %.2g of %.2g", g.Name, e, norm)
				}
			}
		})
	}
}
