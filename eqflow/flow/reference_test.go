package flow_test

import (
	"math"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

var parameterNames = []string{"weights", "bias", "importance", "neg_log_gammas", "neg_log_gammas_time"}

// problem is a stored NLL and its gradient, computed in float64 by an independent program.
type problem struct {
	arrays dataset.Arrays
	n, d   int
}

// load reads a problem for n particles in d dimensions.
func load(t testing.TB, file string, n, d int) problem {
	t.Helper()
	arrays, err := dataset.ReadArrays("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return problem{arrays, n, d}
}

func (p problem) get(t testing.TB, name string) []float64 {
	t.Helper()
	a, ok := p.arrays.Get(name)
	if !ok {
		t.Fatalf("no array %q among %v", name, p.arrays.Names())
	}
	return a.Float64s()
}

// batch returns the first configurations [size, n, d].
func (p problem) batch(t testing.TB, size int, dtype dtypes.DType) *tensors.Tensor {
	return toTensor(p.get(t, "data")[:size*p.n*p.d], dtype, size, p.n, p.d)
}

func (p problem) store(t testing.TB, dtype dtypes.DType) *model.Store {
	store := model.NewStore()
	for _, name := range parameterNames {
		a, _ := p.arrays.Get(name)
		store.RootScope().At("flow").VariableWithValue(name, toTensor(p.get(t, name), dtype, a.Shape...))
	}
	return store
}

func toTensor(v []float64, dtype dtypes.DType, dims ...int) *tensors.Tensor {
	if dtype == dtypes.Float64 {
		return tensors.FromFlatDataAndDimensions(append([]float64(nil), v...), dims...)
	}
	f := make([]float32, len(v))
	for i := range v {
		f[i] = float32(v[i])
	}
	return tensors.FromFlatDataAndDimensions(f, dims...)
}

func flat(t *tensors.Tensor) []float64 {
	if t.DType() == dtypes.Float64 {
		return tensors.MustCopyFlatData[float64](t)
	}
	var out []float64
	for _, v := range tensors.MustCopyFlatData[float32](t) {
		out = append(out, float64(v))
	}
	return out
}

// lossAndGradients returns the mean NLL plus weight times the mean penalty, then its gradient by x,
// then its gradient by each parameter.
func lossAndGradients(
	t testing.TB, backend *xla.Opened, store *model.Store, c flow.Continuous, weight float64, x *tensors.Tensor,
) [][]float64 {
	t.Helper()
	n, d := x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	exec, err := model.NewExec(backend.Backend, store, func(scope *model.Scope, x *Node) []*Node {
		g := x.Graph()
		scope.Store().SetTraining(g, true)
		image := c.Bind(scope.At("flow"), g, flow.System{N: n, D: d, DType: x.DType()}).Inverse(x)
		nll := Neg(ReduceAllMean(Add(prior.MeanFree{N: n, D: d}.LogProb(image.X), image.LogDet)))
		loss := Add(nll, MulScalar(ReduceAllMean(image.Penalty), weight))
		by := []*Node{x}
		for _, name := range parameterNames {
			by = append(by, scope.At("flow").GetVariable(name).NodeValue(g))
		}
		return append([]*Node{loss}, Gradient(loss, by...)...)
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := exec.Call(x)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for _, r := range results {
		out = append(out, flat(r))
	}
	return out
}

// Loss and gradients agree with references that other authors' programs computed in float64. The
// differences must be float32's rounding, on both backends.
func TestReferenceProblems(t *testing.T) {
	for _, system := range []struct {
		file string
		n, d int
	}{{"reference_DW4.npz", 4, 2}, {"reference_LJ13.npz", 13, 3}} {
		t.Run(system.file, func(t *testing.T) {
			p := load(t, system.file, system.n, system.d)
			batch := int(p.get(t, "batch")[0])
			xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
				published := flow.Continuous{Field: dynamics.RadialBasis{PublishedSlope: true}}
				store, x := p.store(t, dtypes.Float32), p.batch(t, batch, dtypes.Float32)
				got := lossAndGradients(t, backend, store, published, 0, x)
				nll := p.get(t, "nll")[0]
				if e := math.Abs(got[0][0]-nll) / math.Abs(nll); !(e < 4e-6) {
					t.Errorf("NLL %.7f, want %.7f: relative error %.2g", got[0][0], nll, e)
				}
				for k, name := range parameterNames {
					bound := 1e-6
					// The gradients by the widths are sums of terms that nearly cancel.
					if name == "neg_log_gammas" || name == "neg_log_gammas_time" {
						bound = 3e-5
					}
					e := relative(got[k+2], p.get(t, "grad_"+name))
					t.Logf("gradient of %s: relative error %.2g", name, e)
					if !(e < bound) {
						t.Errorf("gradient of %s: relative error %.2g, want under %.2g", name, e, bound)
					}
				}
			})
		})
	}
}

// relative returns ‖a − b‖/‖b‖.
func relative(a, b []float64) float64 {
	top, bottom := 0.0, 0.0
	for i := range b {
		top += (a[i] - b[i]) * (a[i] - b[i])
		bottom += b[i] * b[i]
	}
	return math.Sqrt(top / bottom)
}

// The loop's hand-written adjoint agrees with the automatic derivative of the unrolled solve, in
// float64, penalty included.
func TestAdjointIsTheDerivativeOfTheUnrolledSolve(t *testing.T) {
	backend := xlatest.Open(t)
	p := load(t, "reference_DW4.npz", 4, 2)
	x := p.batch(t, 12, dtypes.Float64)
	unrolled := flow.Continuous{Steps: 3, Unrolled: true}
	want := lossAndGradients(t, backend, p.store(t, dtypes.Float64), unrolled, 0.7, x)
	for _, chunks := range []int{1, 3} {
		looped := flow.Continuous{Steps: 3, Chunks: chunks}
		got := lossAndGradients(t, backend, p.store(t, dtypes.Float64), looped, 0.7, x)
		for k := range want {
			if e := relative(got[k], want[k]); !(e < 1e-10) {
				t.Errorf("%d chunks: output %d differs by %.2g", chunks, k, e)
			}
		}
	}
}
