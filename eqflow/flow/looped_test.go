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
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A solve in a loop, chunk by chunk, gives the results of the unrolled solve.
func TestLoopsAgreeWithUnrolledSolves(t *testing.T) {
	x := prior.MeanFree{N: 4, D: 2}.Sample(rand.New(rand.NewPCG(6, 6)), 6)
	types := particle.Relabelling{Types: []int{0, 1, 1, 0}}
	for name, field := range map[string]dynamics.Config{
		"kernel": dynamics.RadialBasis{Centres: 12},
		"egnn":   dynamics.EGNN{Layers: 2, Hidden: 8, Harmonics: 2},
		"onehop": dynamics.OneHop{Centres: 6, Hidden: 8, Channels: 2, Tensors: 1, Guard: 1},
	} {
		solve := func(config flow.Continuous) [][]float64 {
			system := flow.System{N: 4, D: 2, Relabelling: types, Seed: 2, DType: dtypes.Float64}
			build := func(scope *model.Scope, x *Node) []*Node {
				image := config.Bind(scope.At("flow"), x.Graph(), system).Inverse(x)
				return []*Node{image.X, image.LogDet, image.Penalty}
			}
			exec, err := model.NewExec(xlatest.Open(t).Backend, model.NewStore(), build)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Call(tensors.FromFlatDataAndDimensions(x.X, x.Len(), x.N, x.D))
			if err != nil {
				t.Fatal(err)
			}
			var values [][]float64
			for _, v := range out {
				values = append(values, tensors.MustCopyFlatData[float64](v))
			}
			return values
		}
		want := solve(flow.Continuous{Field: field, Steps: 3, Unrolled: true})
		got := solve(flow.Continuous{Field: field, Steps: 3, Chunks: 3})
		for k, what := range []string{"configurations", "log-determinants", "penalties"} {
			for i := range want[k] {
				if !(math.Abs(got[k][i]-want[k][i]) <= 1e-12*(1+math.Abs(want[k][i]))) {
					t.Fatalf("%s: %s differ: %g in the loop, %g unrolled", name, what, got[k][i], want[k][i])
				}
			}
		}
	}
}
