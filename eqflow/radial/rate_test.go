package radial_test

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
	"github.com/eqflow/gonb-eqflow/eqflow/radial"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// randomField has parameters of the size of trained ones, and widths of its own for every RBF.
func randomField(rng *rand.Rand, d int) radial.Field {
	f := radial.Field{
		RadialBasis: dynamics.RadialBasis{}.WithDefaults(), D: d, Parameters: radial.NewParameters(50, 10),
	}
	for _, values := range [][]float64{f.Weights, f.Bias, f.Importance} {
		for i := range values {
			values[i] = rng.NormFloat64()
		}
	}
	for k := range f.NegLogWidths {
		f.NegLogWidths[k] = -math.Log(0.5 * (1 + 0.3*rng.Float64()))
	}
	for m := range f.NegLogTimeWidths {
		f.NegLogTimeWidths[m] = -math.Log(0.3 * (1 + 0.3*rng.Float64()))
	}
	return f
}

// places returns configurations, some of them wider than the outermost centre, and flow times.
func places(rng *rand.Rand, size, n, d int) (x particle.Batch, t []float64) {
	x = particle.NewBatch(size, n, d)
	for i := range size {
		for c := range x.At(i) {
			x.At(i)[c] = (1 + 2*rng.Float64()) * rng.NormFloat64()
		}
		t = append(t, float64(i)/float64(size-1))
	}
	return x, t
}

// graphRate evaluates the field in a float64 graph.
func graphRate(t *testing.T, f radial.Field, x particle.Batch, times []float64) (v, div []float64) {
	t.Helper()
	shapes := map[string][]int{"weights": {f.Centres, f.TimeCentres}, "bias": {1, f.TimeCentres}}
	system := dynamics.System{N: x.N, D: x.D, DType: dtypes.Float64}
	backend := xlatest.OpenGo(t).Backend
	exec, err := model.NewExec(backend, model.NewStore(), func(scope *model.Scope, x, at *Node) []*Node {
		scope = scope.At("field")
		for _, name := range names {
			values, shape := f.ByName(name), shapes[name]
			if shape == nil {
				shape = []int{len(values)}
			}
			scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(values, shape...))
		}
		v, div := f.RadialBasis.Bind(scope, x.Graph(), system).At(at, x)
		return []*Node{v, div}
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Call(
		tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D), tensors.FromFlatDataAndDimensions(times, len(times)))
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
}

// Rate is the graph's field to the rounding of float64, at a time of its own for every
// configuration.
func TestRateIsTheGraphs(t *testing.T) {
	for _, shape := range []struct{ size, n, d int }{{9, 4, 2}, {5, 7, 3}} {
		rng := rand.New(rand.NewPCG(7, uint64(shape.n)))
		f := randomField(rng, shape.d)
		x, times := places(rng, shape.size, shape.n, shape.d)
		v, div := f.Rate(x, times)
		wantV, wantDiv := graphRate(t, f, x, times)
		errors := map[string]float64{"velocity": relative(v.X, wantV), "divergence": relative(div, wantDiv)}
		for what, e := range errors {
			t.Logf("%d particles: %s differs by %.2g", shape.n, what, e)
			if !(e < 1e-10) {
				t.Errorf("%d particles: %s differs by %.2g of its size", shape.n, what, e)
			}
		}
	}
}

// The divergence is the trace of the Jacobian by differences of fourth order, off by some 1e-9.
func TestRateHasTheTraceOfItsJacobian(t *testing.T) {
	const h = 1e-3
	rng := rand.New(rand.NewPCG(8, 8))
	f := randomField(rng, 3)
	x, times := places(rng, 6, 5, 3)
	_, div := f.Rate(x, times)
	trace := make([]float64, x.Len())
	for c := range x.At(0) {
		for step, weight := range map[float64]float64{-2: 1, -1: -8, 1: 8, 2: -1} {
			moved := x.Clone()
			for i := range x.Len() {
				moved.At(i)[c] += step * h
			}
			v, _ := f.Rate(moved, times)
			for i := range trace {
				trace[i] += weight * v.At(i)[c] / (12 * h)
			}
		}
	}
	if e := relative(div, trace); !(e < 1e-7) {
		t.Errorf("the divergence differs from the trace by %.2g of its size", e)
	}
}

// Rate fills in the defaults of the field. NaN in one configuration gives NaN there alone.
func TestRateOfNaN(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	f := randomField(rng, 2)
	x, times := places(rng, 3, 4, 2)
	_, want := f.Rate(x, times)
	f.RadialBasis = dynamics.RadialBasis{}
	x.At(1)[0] = math.NaN()
	_, got := f.Rate(x, times)
	if got[0] != want[0] || !math.IsNaN(got[1]) || got[2] != want[2] {
		t.Errorf("divergences are %v, want %v with NaN in the middle", got, want)
	}
}
