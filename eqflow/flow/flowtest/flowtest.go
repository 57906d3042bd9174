// Package flowtest tests what every bijection must satisfy: the inverse undoes the map, the
// log-determinants are those of the numerical Jacobian, and the map stays on the mean-free
// subspace.
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

const batch = 4

// Run tests the bijection that config describes, in float64 and with perturbed parameters, on 4
// configurations of 3 particles in the plane. tolerance bounds the error of the round trip and of
// the log-determinants: rounding for maps in closed form, the solver's error for continuous flows.
func Run(t *testing.T, backend *xla.Opened, config flow.Config, tolerance float64) {
	t.Helper()
	RunOn(t, backend, config, 3, 2, tolerance)
}

// RunOn is Run on configurations of n particles in d dimensions.
func RunOn(t *testing.T, backend *xla.Opened, config flow.Config, n, d int, tolerance float64) {
	t.Helper()
	s := size{n, d}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	forward := s.compile(t, backend, store, config, flow.Bijection.Forward)
	inverse := s.compile(t, backend, store, config, flow.Bijection.Inverse)
	z := s.meanFreeDraws(3)
	x, logDet := forward(z)
	back, logDetBack := inverse(x)
	for i := range z {
		if e := math.Abs(back[i] - z[i]); !(e < tolerance) {
			t.Fatalf("the round trip changes coordinate %d by %g", i, e)
		}
	}
	for b := range batch {
		if e := math.Abs(logDet[b] + logDetBack[b]); !(e < tolerance) {
			t.Errorf("the log-determinants of the map and its inverse add up to %g, want 0", e)
		}
		mean := 0.0
		for i := range n {
			mean += x[b*n*d+i*d]
		}
		if math.Abs(mean) > 1e-9 {
			t.Errorf("the map moves the centre of mass by %g", mean)
		}
	}
	numeric := s.jacobianLogDet(forward, z)
	for b := range batch {
		if e := math.Abs(logDet[b] - numeric[b]); !(e < tolerance+1e-6) {
			t.Errorf("the log-determinant is %g, want %g by central differences", logDet[b], numeric[b])
		}
	}
	repeated, _ := forward(z)
	for i := range x {
		if repeated[i] != x[i] {
			t.Fatal("the same input gives another output the second time")
		}
	}
}

// size is the number of particles and of dimensions.
type size struct{ n, d int }

// mapping maps a batch of configurations and returns the log-determinants of the map.
type mapping func(x []float64) (y, logDet []float64)

// compile compiles one direction of the bijection.
func (s size) compile(
	t *testing.T, backend *xla.Opened, store *model.Store, config flow.Config,
	direction func(flow.Bijection, *graph.Node) flow.Image,
) mapping {
	t.Helper()
	build := func(scope *model.Scope, x *graph.Node) []*graph.Node {
		system := flow.System{N: s.n, D: s.d, Seed: 7, DType: dtypes.Float64}
		image := direction(config.Bind(scope.At("flow"), x.Graph(), system), x)
		return []*graph.Node{image.X, image.LogDet}
	}
	exec, err := model.NewExec(backend.Backend, store, build)
	if err != nil {
		t.Fatal(err)
	}
	s.perturb(t, exec, store)
	return func(x []float64) ([]float64, []float64) {
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(append([]float64(nil), x...), batch, s.n, s.d))
		if err != nil {
			t.Fatal(err)
		}
		return tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1])
	}
}

// perturb moves the parameters of a fresh store away from their initial values, where many flows
// are nearly the identity.
func (s size) perturb(t *testing.T, exec *model.Exec, store *model.Store) {
	t.Helper()
	if store.NumVariables() > 0 {
		return
	}
	if _, err := exec.Call(tensors.FromFlatDataAndDimensions(s.meanFreeDraws(1), batch, s.n, s.d)); err != nil {
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

// meanFreeDraws returns normal draws, less their means.
func (s size) meanFreeDraws(seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := particle.NewBatch(batch, s.n, s.d)
	for i := range b.X {
		b.X[i] = rng.NormFloat64()
	}
	return b.RemoveMean().X
}

// jacobianLogDet returns log|det Uᵀ J U| by central differences along the basis U of the mean-free
// subspace.
func (s size) jacobianLogDet(apply mapping, z []float64) []float64 {
	const h = 1e-5
	n, d := s.n, s.d
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
