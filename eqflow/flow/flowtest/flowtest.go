// Package flowtest is what every bijection must pass: its inverse undoes it, its log-determinants are those of its Jacobian,
// and it stays on the mean-free subspace.
package flowtest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/mat"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/xla"
)

const n, d, batch = 3, 2, 4

// Run tests the bijection that config describes, in float64. tolerance bounds the error of the round trip and of the
// log-determinants: rounding for maps in closed form, the solver's error for continuous flows.
func Run(t *testing.T, backend *xla.Opened, config flow.Config, tolerance float64) {
	t.Helper()
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	forward := compile(t, backend, store, config, flow.Bijection.Forward)
	inverse := compile(t, backend, store, config, flow.Bijection.Inverse)
	z := draw(3)
	x, logDet := forward(z)
	back, logDetBack := inverse(x)
	for i := range z {
		if e := math.Abs(back[i] - z[i]); !(e < tolerance) {
			t.Fatalf("round trip misses coordinate %d by %g", i, e)
		}
	}
	for b := range batch {
		if e := math.Abs(logDet[b] + logDetBack[b]); !(e < tolerance) {
			t.Errorf("log-determinants of map and inverse add up to %g", e)
		}
		if mean := x[b*n*d] + x[b*n*d+d] + x[b*n*d+2*d]; math.Abs(mean) > 1e-9 {
			t.Errorf("centre of mass moved by %g", mean)
		}
	}
	numeric := jacobianLogDet(forward, z)
	for b := range batch {
		if e := math.Abs(logDet[b] - numeric[b]); !(e < tolerance+1e-6) {
			t.Errorf("log-determinant %g, by differences %g", logDet[b], numeric[b])
		}
	}
	again, _ := forward(z)
	for i := range x {
		if again[i] != x[i] {
			t.Fatal("the same input gave another output")
		}
	}
}

type mapping func(x []float64) (y, logDet []float64)

func compile(t *testing.T, backend *xla.Opened, store *model.Store, config flow.Config, apply func(flow.Bijection, *graph.Node) flow.Image) mapping {
	exec, err := model.NewExec(backend.Backend, store, func(scope *model.Scope, x *graph.Node) []*graph.Node {
		image := apply(config.Bind(scope.At("flow"), x.Graph(), flow.System{N: n, D: d, Seed: 7, DType: dtypes.Float64}), x)
		return []*graph.Node{image.X, image.LogDet}
	})
	if err != nil {
		t.Fatal(err)
	}
	stir(t, exec, store)
	return func(x []float64) ([]float64, []float64) {
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(append([]float64(nil), x...), batch, n, d))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
	}
}

// stir moves the parameters of a fresh store away from their start, where many flows are nearly the identity.
func stir(t *testing.T, exec *model.Exec, store *model.Store) {
	if store.NumVariables() > 0 {
		return
	}
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(draw(1), batch, n, d)); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for v := range store.IterVariables() {
		value := tensors.MustCopyFlatData[float64](v.MustValue())
		for i := range value {
			value[i] += 0.05 * rng.NormFloat64()
		}
		if err := v.SetValue(tensors.FromFlatDataAndDimensions(value, v.Shape().Dimensions...)); err != nil {
			t.Fatal(err)
		}
	}
}

// draw makes mean-free configurations.
func draw(seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := particle.NewBatch(batch, n, d)
	for i := range b.X {
		b.X[i] = rng.NormFloat64()
	}
	return b.RemoveMean().X
}

// jacobianLogDet is log|det Uᵀ J U| by central differences along the basis U of the mean-free subspace.
func jacobianLogDet(apply mapping, z []float64) []float64 {
	const h = 1e-5
	basis := particle.MeanFreeBasis(n, d)
	free := len(basis[0])
	columns := make([][]float64, free)
	for k := range free {
		plus, minus := append([]float64(nil), z...), append([]float64(nil), z...)
		for i := range z {
			plus[i] += h * basis[i%(n*d)][k]
			minus[i] -= h * basis[i%(n*d)][k]
		}
		up, _ := apply(plus)
		down, _ := apply(minus)
		columns[k] = make([]float64, len(z))
		for i := range z {
			columns[k][i] = (up[i] - down[i]) / (2 * h)
		}
	}
	out := make([]float64, batch)
	for b := range batch {
		j := mat.NewDense(free, free, nil)
		for row := range free {
			for k := range free {
				sum := 0.0
				for i := range n * d {
					sum += basis[i][row] * columns[k][b*n*d+i]
				}
				j.Set(row, k, sum)
			}
		}
		out[b], _ = mat.LogDet(j)
	}
	return out
}
