package engine_test

import (
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
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// moved returns a model of an EGNN with parameters away from their first values, where whole parts
// of the gradient vanish.
func moved(t *testing.T, backend *xla.Opened, field dynamics.EGNN, by float64) (*eqflow.Model, *rand.Rand) {
	t.Helper()
	if _, ok := egnn.New(field, 4, 2, particle.Relabelling{}); !ok {
		t.Skip("the EGNN in C needs cgo and AVX2, and one of them is missing")
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

// The EGNN's flow in C agrees with the graphs: forward, inverse, followed, by adaptive steps, and
// with estimated divergences.
func TestFlowInCAgreesWithGraphs(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		field := dynamics.EGNN{Hidden: 32, Layers: 2, Harmonics: 1}
		m, rng := moved(t, backend, field, 0.05)
		graphs, _ := moved(t, backend, field, 0.05)
		graphs = eqflowtest.InGraphs(t, graphs)
		x := m.Prior.Sample(rng, 11)
		forward := func(m *eqflow.Model) (density.Image, error) { return m.Forward(x, 0) }
		inverse := func(m *eqflow.Model) (density.Image, error) { return m.Inverse(x, 0) }
		for name, apply := range map[string]mapping{
			"from the prior":           forward,
			"to the prior":             func(m *eqflow.Model) (density.Image, error) { return m.Inverse(x, 7) },
			"with probes":              withProbes(forward),
			"to the prior with probes": withProbes(inverse),
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
			for _, c := range []struct {
				name      string
				got, want []float64
				tolerance float64
			}{
				{"configurations", got.X.X, want.X.X, 1e-4}, {"log-densities", got.LogQ, want.LogQ, 1e-3},
				{"standard errors", got.LogQError, want.LogQError, 1e-3},
			} {
				if e := largestDifference(c.got, c.want); len(c.got) != len(c.want) || !(e < c.tolerance) {
					t.Errorf("%s: %s differ by %.2g", name, c.name, e)
				}
			}
		}
	})
}

// mapping maps configurations with a model.
type mapping func(m *eqflow.Model) (density.Image, error)

// withProbes returns a mapping with an estimated divergence.
func withProbes(apply mapping) mapping {
	return func(m *eqflow.Model) (density.Image, error) {
		if err := m.SetDivergence(engine.Divergence{Probes: 3, Seed: 5}); err != nil {
			return density.Image{}, err
		}
		defer m.SetDivergence(engine.Divergence{})
		return apply(m)
	}
}

// The EGNN's regression and its gradient in C agree with the graphs, for several layers, harmonics,
// forces and batches.
func TestMatchingInCAgreesWithGraphs(t *testing.T) {
	backend := xlatest.OpenGo(t)
	forces := train.Settings{Objective: train.Matching{Forces: true}}
	for name, c := range map[string]struct {
		field    dynamics.EGNN
		settings train.Settings
		size     int
	}{
		"defaults":              {dynamics.EGNN{}, train.Settings{}, 20},
		"forces and harmonics":  {dynamics.EGNN{Harmonics: 2}, forces, 5},
		"one layer":             {dynamics.EGNN{Layers: 1, Hidden: 32}, train.Settings{}, 16},
		"four wide layers":      {dynamics.EGNN{Layers: 4, Hidden: 96, Middle: 2}, train.Settings{}, 9},
		"means":                 {dynamics.EGNN{Layers: 3, Hidden: 32, Mean: true}, train.Settings{}, 7},
		"one configuration":     {dynamics.EGNN{Layers: 2}, train.Settings{}, 1},
		"annealed, with forces": {dynamics.EGNN{Layers: 2}, train.Settings{Objective: train.Annealed{}}, 8},
	} {
		t.Run(name, func(t *testing.T) {
			m, rng := moved(t, backend, c.field, 0.1)
			draw := func() particle.Batch { return m.Prior.Sample(rng, c.size) }
			in := engine.Inputs{X: draw(), Z: draw(), Slopes: draw(), Stiffness: 3}
			for range c.size {
				in.T = append(in.T, rng.Float64())
			}
			if c.settings.Objective == nil {
				c.settings.Objective = train.Matching{}
			}
			agreesWithGraphs(t, m, c.settings, in, 2e-6, 1e-4)
		})
	}
}
