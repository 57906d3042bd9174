package flow_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// probesOf returns the first columns of the mean-free basis as probes of length √((n−1)·d)
// [count][n·d].
func probesOf(count, n, d int) [][]float64 {
	basis := particle.MeanFreeBasis(n, d)
	out := make([][]float64, count)
	for k := range out {
		for j := range basis {
			out[k] = append(out[k], math.Sqrt(float64((n-1)*d))*basis[j][k])
		}
	}
	return out
}

// solveAlong maps configurations to the prior. The divergence is estimated from count probes, the
// first columns of the basis; it is exact for a count of 0.
func solveAlong(
	t *testing.T, backend *xla.Opened, config flow.Continuous, x particle.Batch, count int,
) (z, logDet, err []float64) {
	t.Helper()
	exec, failed := model.NewExec(backend.Backend, model.NewStore(), func(scope *model.Scope, x *Node) []*Node {
		g, n, d := x.Graph(), x.Shape().Dimensions[1], x.Shape().Dimensions[2]
		bound := config.Bind(scope.At("flow"), g, flow.System{N: n, D: d, Seed: 2, DType: dtypes.Float64})
		if count > 0 {
			probes := Reshape(ConstAsDType(g, dtypes.Float64, probesOf(count, n, d)), 1, count, n, d)
			bound = bound.(flow.Probed).Along(BroadcastToDims(probes, x.Shape().Dimensions[0], count, n, d))
		}
		image := bound.Inverse(x)
		if image.Error == nil {
			return []*Node{image.X, image.LogDet}
		}
		return []*Node{image.X, image.LogDet, image.Error}
	})
	if failed != nil {
		t.Fatal(failed)
	}
	out, failed := exec.Call(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D))
	if failed != nil {
		t.Fatal(failed)
	}
	if len(out) > 2 {
		err = tensors.MustCopyFlatData[float64](out[2])
	}
	return tensors.MustCopyFlatData[float64](out[0]), tensors.MustCopyFlatData[float64](out[1]), err
}

// alike fails the test if got and want differ by more than rounding.
func alike(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= 1e-11*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: %g, want %g, at %d", what, got[i], want[i], i)
		}
	}
}

// A full set of orthogonal probes gives the exact log-determinant, with a standard error of zero.
func TestFullSetOfProbesIsExact(t *testing.T) {
	x := prior.MeanFree{N: 4, D: 2}.Sample(rand.New(rand.NewPCG(6, 6)), 6)
	for name, field := range map[string]dynamics.Config{
		"egnn": dynamics.EGNN{Layers: 2, Hidden: 8}, "mlp": dynamics.MLP{Hidden: 8},
	} {
		config := flow.Continuous{Field: field, Solver: ode.Midpoint, Steps: 2}
		z, logDet, _ := solveAlong(t, xlatest.OpenGo(t), config, x, 0)
		allZ, all, stdErr := solveAlong(t, xlatest.OpenGo(t), config, x, 6)
		alike(t, name+": configurations", allZ, z)
		alike(t, name+": log-determinants", all, logDet)
		alike(t, name+": errors", stdErr, make([]float64, x.Len()))
	}
}

// In a loop, chunk by chunk, probes give the results of the unrolled solve on the Go backend.
func TestProbesInLoops(t *testing.T) {
	x := prior.MeanFree{N: 4, D: 2}.Sample(rand.New(rand.NewPCG(6, 6)), 6)
	config := flow.Continuous{Field: dynamics.EGNN{Layers: 2, Hidden: 8}, Solver: ode.Midpoint, Steps: 2, Chunks: 3}
	for _, count := range []int{1, 2} {
		wantZ, want, wantErr := solveAlong(t, xlatest.OpenGo(t), config, x, count)
		gotZ, got, gotErr := solveAlong(t, xlatest.Open(t), config, x, count)
		alike(t, "configurations", gotZ, wantZ)
		alike(t, "log-determinants", got, want)
		alike(t, "errors", gotErr, wantErr)
	}
}

// The standard error from two of six probes is √(1/2 − 1/6) times the standard deviation of the
// two, which is |a − b|/√2.
func TestErrorOfTwoProbes(t *testing.T) {
	x := prior.MeanFree{N: 4, D: 2}.Sample(rand.New(rand.NewPCG(6, 6)), 3)
	config := flow.Continuous{Field: dynamics.MLP{Hidden: 8}, Steps: 2}
	_, one, none := solveAlong(t, xlatest.OpenGo(t), config, x, 1)
	_, mean, err := solveAlong(t, xlatest.OpenGo(t), config, x, 2)
	if none != nil {
		t.Errorf("one probe has a standard error, %v", none)
	}
	want := make([]float64, len(mean))
	for i := range want {
		want[i] = math.Sqrt(2) * math.Abs(one[i]-mean[i]) * math.Sqrt(1./2-1./6)
	}
	alike(t, "errors", err, want)
}
