package engine

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// fields are the rows of the conformance table: every field, and the engine that Auto chooses for
// it.
var fields = []struct {
	name   string
	config flow.Config
	auto   string // the beginning of the engine's name: "tables in Go", "C" or "graphs"
	// passedOn are the operations that the engine on the host passes to the graphs.
	passedOn []string
	symmetry particle.Relabelling
}{
	{"kernel", continuous(dynamics.RadialBasis{Centres: 10, TimeCentres: 3, Width: 1}, 4), "tables in Go", []string{
		"divergence's gradient", "pull", "gradient of a field's loss",
	}, alike},
	{"kernel, types", continuous(dynamics.RadialBasis{Centres: 10, TimeCentres: 3, Width: 1}, 4), "graphs", nil,
		types},
	{"egnn", continuous(dynamics.EGNN{Layers: 1, Hidden: 32, Harmonics: 1}, 1), "C", []string{
		"gradient of a map's loss",
	}, alike},
	{"egnn, means", continuous(dynamics.EGNN{Layers: 2, Hidden: 32, Mean: true}, 1), "C", []string{
		"gradient of a map's loss",
	}, alike},
	{"egnn, types", continuous(dynamics.EGNN{Layers: 2, Hidden: 32, Harmonics: 1}, 1), "C", []string{
		"gradient of a map's loss",
	}, types},
	{"egnn, chain, one layer", continuous(dynamics.EGNN{Layers: 1, Hidden: 32}, 1), "C", []string{
		"gradient of a map's loss",
	}, particle.Relabelling{Chain: true}},
	{"egnn, each its own, means", continuous(dynamics.EGNN{Layers: 3, Hidden: 32, Mean: true}, 1), "C", []string{
		"gradient of a map's loss",
	}, particle.Relabelling{Types: []int{3, 1, 4, 2}}},
	{"onehop", continuous(dynamics.OneHop{Centres: 6, Hidden: 8, Channels: 2, Tensors: 1}, 1), "graphs", nil, alike},
	{"mlp", continuous(dynamics.MLP{Hidden: 8}, 1), "graphs", nil, alike},
	{"realnvp", flow.Coupling{Blocks: 2, Hidden: 12}, "graphs", nil, alike},
}

// The symmetries of the rows.
var (
	alike = particle.Relabelling{}
	types = particle.Relabelling{Types: []int{0, 1, 1, 2}}
)

func continuous(field dynamics.Config, steps int) flow.Config {
	return flow.Continuous{Field: field, Solver: ode.Midpoint, Steps: steps} // whose graphs compile sooner than RK4's
}

// operations are the columns of the table: an operation of an engine, and the same operation in
// float64.
var operations = []struct {
	name    string
	ofField bool // an operation of continuous flows alone
	costly  bool // XLA takes seconds to compile it, and so tests it on the kernel field and RealNVP alone
	by      func(e Engine, c *check) ([]float64, error)
	want    func(f flow.Bijection, c *check) (in []any, build func(f flow.Bijection, in []*Node) []*Node)
	// tolerance is relative to the largest number.
	tolerance float64
}{
	{"forward", false, false, func(e Engine, c *check) ([]float64, error) {
		return image(e.Map(c.x, ToTarget(0, Divergence{}), nil))
	},
		func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
			return []any{c.x}, func(f flow.Bijection, in []*Node) []*Node { return both(f.Forward(in[0])) }
		}, 2e-5},
	{"inverse", false, true, func(e Engine, c *check) ([]float64, error) {
		return image(e.Map(c.x, ToPrior(0, Divergence{}), nil))
	},
		func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
			return []any{c.x}, func(f flow.Bijection, in []*Node) []*Node { return both(f.Inverse(in[0])) }
		}, 2e-5},
	{"velocity and divergence", true, false, func(e Engine, c *check) ([]float64, error) {
		v, err := e.Velocity(c.x, c.t)
		if err != nil {
			return nil, err
		}
		again, div, err := e.Divergence(c.x, c.t, nil)
		return append(append(v.X, again.X...), div...), err
	}, func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
		return []any{c.x, c.t}, func(f flow.Bijection, in []*Node) []*Node {
			v, div := f.(flow.Partial).At(in[1], in[0])
			return []*Node{v, v, div}
		}
	}, 2e-5},
	{"divergence's gradient", true, true, func(e Engine, c *check) ([]float64, error) {
		div, gradient, err := e.DivergenceGradient(c.x, c.t)
		return append(div, gradient.X...), err
	}, func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
		return []any{c.x, c.t}, func(f flow.Bijection, in []*Node) []*Node {
			_, div := f.(flow.Partial).At(in[1], in[0])
			return []*Node{div, Gradient(ReduceAllSum(div), in[0])[0]}
		}
	}, 1e-4},
	{"pull", true, true, func(e Engine, c *check) ([]float64, error) {
		pulled, err := e.Pull(c.x, c.t, c.z)
		return pulled.X, err
	}, func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
		return []any{c.x, c.t, c.z}, func(f flow.Bijection, in []*Node) []*Node {
			v, _ := f.(flow.Partial).At(in[1], in[0])
			return []*Node{Gradient(ReduceAllSum(Mul(v, in[2])), in[0])[0]}
		}
	}, 1e-4},
	{"gradient of a field's loss", true, false, func(e Engine, c *check) ([]float64, error) {
		return c.gradient(e, regressionLoss{})
	}, func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
		return c.wantGradient(regressionLoss{})
	}, 1e-4},
	{"gradient of a map's loss", false, true, func(e Engine, c *check) ([]float64, error) {
		return c.gradient(e, squareLoss{})
	}, func(_ flow.Bijection, c *check) ([]any, func(flow.Bijection, []*Node) []*Node) {
		return c.wantGradient(squareLoss{})
	}, 1e-4},
}

// check is a row of the table: a flow with parameters away from their first values, and inputs.
type check struct {
	config     flow.Config
	system     flow.System
	parameters *Parameters
	x, z       particle.Batch
	t          []float64
}

const particles, dimensions = 4, 2

// newCheck draws the parameters on the Go backend and moves them, because at their first values
// whole parts of a gradient vanish.
func newCheck(t *testing.T, config flow.Config, symmetry particle.Relabelling) *check {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	system := flow.System{N: particles, D: dimensions, Relabelling: symmetry, Seed: 3}
	c := &check{config: config, system: system, parameters: NewParameters()}
	f := Flow{Config: config, System: system, Backend: xlatest.OpenGo(t).Backend, Parameters: c.parameters, Devices: 1}
	if err := f.createParameters(); err != nil {
		t.Fatal(err)
	}
	arrays, err := c.parameters.Export()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range arrays {
		for k := range a.F32 {
			a.F32[k] += float32(0.05 * rng.NormFloat64())
		}
	}
	if err := c.parameters.Import(arrays); err != nil {
		t.Fatal(err)
	}
	normal := prior.MeanFree{N: system.N, D: system.D}
	c.x, c.z = normal.Sample(rng, 5), normal.Sample(rng, 5)
	for i := range c.x.X { // float32 represents the inputs exactly, so that all engines get the same
		c.x.X[i], c.z.X[i] = float64(float32(1.5*c.x.X[i])), float64(float32(c.z.X[i]))
	}
	for range c.x.Len() {
		c.t = append(c.t, float64(rng.Float32()))
	}
	return c
}

// engine returns the row's flow computed by an engine of a kind.
func (c *check) engine(t *testing.T, backend *xla.Opened, kind Kind) (Engine, error) {
	t.Helper()
	arrays, err := c.parameters.Export()
	if err != nil {
		t.Fatal(err)
	}
	f := Flow{Config: c.config, System: c.system, Backend: backend.Backend, Parameters: NewParameters(), Devices: 1}
	e, err := New(kind, f)
	if err != nil {
		return nil, err
	}
	return e, f.Parameters.Import(arrays)
}

func (c *check) inputs() Inputs { return Inputs{X: c.x, Z: c.z, T: c.t} }

// gradient returns a loss and its gradient by all parameters.
func (c *check) gradient(e Engine, l Loss) ([]float64, error) {
	loss, arrays, err := e.Gradient(l, c.inputs())
	all := []float64{loss}
	for _, a := range arrays {
		all = append(all, a.Float64s()...)
	}
	return all, err
}

func (c *check) wantGradient(l Loss) ([]any, func(flow.Bijection, []*Node) []*Node) {
	return []any{c.x, c.z, c.t}, func(f flow.Bijection, in []*Node) []*Node {
		loss := l.Graph(f, Nodes{X: in[0], Z: in[1], T: in[2]})
		return append([]*Node{loss}, Gradient(loss, in[3:]...)...)
	}
}

// reference evaluates an operation in float64 on GoMLX's Go backend, with every step of the solver
// in the graph.
func (c *check) reference(t *testing.T, in []any, build func(flow.Bijection, []*Node) []*Node) (all []float64) {
	t.Helper()
	exact, config := c.system, c.config
	exact.DType = dtypes.Float64
	if continuous, ok := config.(flow.Continuous); ok {
		continuous.Unrolled = true
		config = continuous
	}
	store := model.NewStore()
	names, variables := c.parameters.List(ScopeFlow)
	for k, v := range variables {
		numbers := tensors.MustCopyFlatData[float32](v.MustValue())
		value := tensors.FromFlatDataAndDimensions(float64s(numbers), v.Shape().Dimensions...)
		if _, err := store.CreateVariable("/"+ScopeFlow+"/"+names[k], value); err != nil {
			t.Fatal(err)
		}
	}
	exec, err := model.NewExec(xlatest.OpenGo(t).Backend, store, func(scope *model.Scope, in []*Node) []*Node {
		g := in[0].Graph()
		scope.Store().SetTraining(g, true)
		f := config.Bind(scope.At(ScopeFlow), g, exact)
		for _, name := range names {
			in = append(in, store.GetVariable("/"+ScopeFlow+"/"+name).NodeValue(g))
		}
		return build(f, in)
	})
	if err != nil {
		t.Fatal(err)
	}
	var inputs []any
	for _, v := range in {
		switch v := v.(type) {
		case particle.Batch:
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(v.X, v.Len(), v.N, v.D))
		case []float64:
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(v, len(v)))
		}
	}
	results, err := exec.Call(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		all = append(all, tensors.MustCopyFlatData[float64](r)...)
	}
	return all
}

func image(i Image, err error) ([]float64, error) { return append(i.X.X, i.LogDet...), err }

func both(i flow.Image) []*Node { return []*Node{i.X, i.LogDet} }

// Every engine agrees with float64 for every operation of every flow that it computes, on each
// backend. Host gives an error for the flows and operations that it does not compute.
func TestEnginesAgreeWithFloat64(t *testing.T) {
	for _, row := range fields {
		c := newCheck(t, row.config, row.symmetry)
		for _, op := range operations {
			in, build := op.want(nil, c)
			if _, ok := row.config.(flow.Continuous); !ok && op.ofField {
				continue
			}
			want := c.reference(t, in, build)
			for _, kind := range []Kind{Graphs, Host} {
				t.Run(fmt.Sprintf("%s/%s/%s", row.name, kind, op.name), func(t *testing.T) {
					xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
						if op.costly && backend.IsXLA() && row.name != "kernel" && row.name != "realnvp" {
							return
						}
						got, err := c.compute(t, backend, kind, op.by)
						refuses := row.auto == "graphs" || row.auto == "C" && !haveC() ||
							slices.Contains(row.passedOn, op.name)
						if refused := errors.Is(err, ErrChoice); kind == Host && refused && refuses {
							return
						}
						if err != nil || kind == Host && refuses {
							t.Fatalf("the host is to refuse: %t; it says: %v", refuses, err)
						}
						compare(t, got, want, op.tolerance)
					})
				})
			}
		}
	}
}

// haveC reports whether the EGNN's code in C runs here: not in a build without cgo, nor without
// AVX2.
func haveC() bool {
	_, ok := egnn.New(dynamics.EGNN{Layers: 1, Hidden: 32}, particles, dimensions, alike)
	return ok
}

// compute does an operation by an engine of a kind.
func (c *check) compute(t *testing.T, backend *xla.Opened, kind Kind,
	by func(e Engine, c *check) ([]float64, error)) ([]float64, error) {
	e, err := c.engine(t, backend, kind)
	if err != nil {
		return nil, err
	}
	return by(e, c)
}

// compare compares numbers with the reference, relative to the reference's largest.
func compare(t *testing.T, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	largest, worst := 0.0, 0.0
	for i, w := range want {
		largest, worst = max(largest, math.Abs(w)), max(worst, math.Abs(got[i]-w))
	}
	if !(worst <= tolerance*largest) || largest == 0 {
		t.Errorf("off by %.2g of %.3g", worst, largest)
	}
}

// Auto chooses the fastest engine, and the engine's name says which.
func TestAutoChoosesTheFastest(t *testing.T) {
	for _, row := range fields {
		c := newCheck(t, row.config, row.symmetry)
		e, err := c.engine(t, xlatest.OpenGo(t), Auto)
		if err != nil {
			t.Fatal(err)
		}
		name, want := e.String(), row.auto
		f := Flow{Config: row.config, System: c.system, Backend: xlatest.OpenGo(t).Backend}
		if _, err := newNetwork(f, refusal{}); want == "C" && err != nil {
			want = "graphs" // a build without cgo, or a processor without AVX2
		}
		if Compiles(e) != (want == "graphs") {
			t.Errorf("%s: %q compiles: %t", row.name, name, Compiles(e))
		}
		if len(name) < len(want) || name[:len(want)] != want {
			t.Errorf("%s is computed by %q, want %q", row.name, name, want)
		}
	}
}

// A part of the flow and its inverse, by another method than the flow's own, return to the start,
// and their log-determinants cancel.
func TestPartsOfTheFlow(t *testing.T) {
	for _, row := range fields[:9] {
		for _, kind := range []Kind{Auto, Graphs} {
			c := newCheck(t, row.config, row.symmetry)
			e, err := c.engine(t, xlatest.OpenGo(t), kind)
			if err != nil {
				t.Fatal(err)
			}
			forth, err := e.Map(c.x, Solve{T0: 0.25, T1: 0.75, Method: ode.Dopri5, Steps: 12}, nil)
			if err != nil {
				t.Fatal(err)
			}
			back, err := e.Map(forth.X, Solve{T0: 0.75, T1: 0.25, Method: ode.Dopri5, Steps: 12}, nil)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, back.X.X, c.x.Clone().RemoveMean().X, 1e-4)
			for i, v := range forth.LogDet {
				if math.Abs(v+back.LogDet[i]) > 1e-4*(1+math.Abs(v)) {
					t.Errorf("%s, %s: log-determinants %g and %g", row.name, kind, v, back.LogDet[i])
				}
			}
		}
	}
}

// A choice that does not exist, or that does not compute the flow, gives an error that names the
// choices.
func TestImpossibleChoices(t *testing.T) {
	backend, system := xlatest.OpenGo(t).Backend, flow.System{N: particles, D: dimensions}
	try := func(kind Kind, config flow.Config) {
		_, err := New(kind, Flow{Config: config, System: system, Backend: backend, Parameters: NewParameters()})
		if !errors.Is(err, ErrChoice) {
			t.Errorf("%q for %T: %v", kind, config, err)
		}
	}
	try("gpu", flow.Continuous{})
	try(Host, flow.Coupling{})
	try(Host, flow.Continuous{Field: dynamics.OneHop{}})
	try(Host, flow.Continuous{Unrolled: true})
}
