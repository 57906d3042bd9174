package dynamics_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

const batch, n, d = 6, 4, 3

func system() dynamics.System {
	return dynamics.System{N: n, D: d, Seed: 3, DType: dtypes.Float64}
}

// inputs returns configurations, some of them far apart, and times.
func inputs() (x, t []float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	x, t = make([]float64, batch*n*d), make([]float64, batch)
	for i := range x {
		x[i] = 3 * rng.NormFloat64()
	}
	for i := range t {
		t[i] = rng.Float64()
	}
	return x, t
}

// outputs builds the nodes that a test compares, from a bound field, configurations and times.
type outputs func(f dynamics.Field, x, t *Node) []*Node

// evaluate computes outputs at configurations and times.
func evaluate(t *testing.T, config dynamics.Config, x, times []float64, build outputs) [][]float64 {
	t.Helper()
	return evaluateIn(t, system(), config, x, times, build)
}

// evaluateIn is evaluate for a given system.
func evaluateIn(
	t *testing.T, in dynamics.System, config dynamics.Config, x, times []float64, build outputs,
) [][]float64 {
	t.Helper()
	graph := func(scope *model.Scope, x, at *Node) []*Node {
		return build(config.Bind(scope.At("field"), x.Graph(), in), x, at)
	}
	exec, err := model.NewExec(xlatest.OpenGo(t).Backend, model.NewStore(), graph)
	if err != nil {
		t.Fatal(err)
	}
	results, err := exec.Call(
		tensors.FromFlatDataAndDimensions(x, batch, n, d), tensors.FromFlatDataAndDimensions(times, batch))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for _, r := range results {
		out = append(out, tensors.MustCopyFlatData[float64](r))
	}
	return out
}

func velocity(f dynamics.Field, x, t *Node) []*Node {
	v, div := f.At(t, x)
	return []*Node{v, div}
}

// exactDivergence is the divergence by reverse-mode differentiation.
func exactDivergence(f dynamics.Field, x, t *Node) *Node {
	return dynamics.ExactDivergence(func(x *Node) *Node { v, _ := f.At(t, x); return v }, x)
}

// near fails the test if got and want differ by more than the tolerance, relative to the largest
// value.
func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	scale := 0.0
	for _, w := range want {
		scale = max(scale, math.Abs(w))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance*scale) {
			t.Fatalf("%s: %g, want %g, at %d", what, got[i], want[i], i)
		}
	}
}

var fields = map[string]dynamics.Config{
	"kernel":            dynamics.RadialBasis{},
	"mlp":               dynamics.MLP{Hidden: 16},
	"egnn":              dynamics.EGNN{Hidden: 16, Harmonics: 1},
	"egnn of one layer": dynamics.EGNN{Layers: 1, Hidden: 16},
	"egnn of means":     dynamics.EGNN{Layers: 2, Hidden: 16, Mean: true},
	"onehop":            dynamics.OneHop{Hidden: 16, Channels: 3, Tensors: 2, Core: 2, Guard: 4},
	"onehop of vectors": dynamics.OneHop{Hidden: 16, Channels: 3, Tensors: -1},
	"onehop of tensors": dynamics.OneHop{Hidden: 16, Channels: -1, Tensors: 3},
	"onehop, no angles": dynamics.OneHop{Hidden: 16, Channels: -1, Tensors: -1},
	"field of our own":  softPull{},
}

func TestDivergenceIsTheTraceOfTheJacobian(t *testing.T) {
	x, times := inputs()
	for name, config := range fields {
		out := evaluate(t, config, x, times, func(f dynamics.Field, x, at *Node) []*Node {
			_, div := f.At(at, x)
			return []*Node{div, exactDivergence(f, x, at)}
		})
		near(t, name, out[0], out[1], 1e-10)
	}
}

// rowsAt returns the rows of a tabulated field's tables for time 0.3, the second of two times.
func rowsAt(f dynamics.Tabulated) []*Node {
	var rows []*Node
	for _, table := range f.Tables([]float64{0.9, 0.3}) {
		rows = append(rows, Reshape(SliceAxis(table, 0, AxisElem(1)), table.Shape().Dimensions[1:]...))
	}
	return rows
}

// The rows of the tables for a time give the values of At at that time.
func TestTablesAgreeWithAt(t *testing.T) {
	x, times := inputs()
	for i := range times {
		times[i] = 0.3
	}
	out := evaluate(t, dynamics.RadialBasis{}, x, times, func(f dynamics.Field, x, at *Node) []*Node {
		v, div := f.At(at, x)
		tabulated := f.(dynamics.Tabulated)
		k, l, _ := tabulated.Linear()(rowsAt(tabulated), TransposeAllDims(x, 1, 2, 0))
		return []*Node{v, div, TransposeAllDims(k, 2, 0, 1), l}
	})
	near(t, "velocity", out[2], out[0], 1e-11)
	near(t, "divergence", out[3], out[1], 1e-11)
}

// equivariant names the fields that have every symmetry of the system.
var equivariant = []string{
	"kernel", "egnn", "egnn of one layer", "egnn of means",
	"onehop", "onehop of vectors", "onehop of tensors", "onehop, no angles", "field of our own",
}

func TestEquivariantFieldsKeepTheSymmetries(t *testing.T) {
	for _, name := range equivariant {
		t.Run(name, func(t *testing.T) { keepsTheSymmetries(t, fields[name]) })
	}
}

func keepsTheSymmetries(t *testing.T, config dynamics.Config) {
	x, times := inputs()
	want := evaluate(t, config, x, times, velocity)
	rng := rand.New(rand.NewPCG(4, 4))
	rotation, perm := particle.RandomRotation(rng, d, true), []int{2, 0, 3, 1}
	move := func(v []float64, shift float64) []float64 {
		b := particle.Batch{X: append([]float64(nil), v...), N: n, D: d}
		for i := range b.Len() {
			copy(b.At(i), particle.Relabel(b.At(i), d, perm))
			particle.Rotate(b.At(i), rotation, d)
			particle.Translate(b.At(i), []float64{shift, -shift, 2 * shift})
		}
		return b.X
	}
	got := evaluate(t, config, move(x, 1.5), times, velocity)
	near(t, "velocity", got[0], move(want[0], 0), 1e-11)
	near(t, "divergence", got[1], want[1], 1e-11)
	for i := range batch {
		for k := range d {
			sum := 0.0
			for p := range n {
				sum += want[0][(i*n+p)*d+k]
			}
			if math.Abs(sum) > 1e-12 {
				t.Errorf("the centre of mass moves by %g", sum)
			}
		}
	}
}
