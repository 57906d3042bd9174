package dynamics

import (
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Values that are equal in both directions of an edge go to pairs and back unchanged, and their sum
// over a particle's pairs is the sum over its edges. The arrays have a leading axis.
func TestPairsStandForEdges(t *testing.T) {
	for n := 2; n <= 7; n++ {
		const lead, features = 2, 3
		edges := make([]float64, 0, lead*(n-1)*n*features)
		sums := make([]float64, lead*n*features)
		for k := range lead {
			for s := range n - 1 {
				for i := range n {
					j := (i + s + 1) % n
					for c := range features {
						v := float64(1000*k + 100*c + min(i, j)*n + max(i, j))
						edges = append(edges, v)
						sums[(k*n+i)*features+c] += v
					}
				}
			}
		}
		graph := func(_ *model.Scope, x *Node) []*Node {
			pairs := pairsOf(x, 1)
			if got := pairs.Shape().Dimensions[1]; got != n*(n-1)/2 {
				t.Errorf("%d particles have %d pairs", n, got)
			}
			return []*Node{onEdges(n)(pairs, 1), overPairs(n)(pairs, 1)}
		}
		exec, err := model.NewExec(xlatest.OpenGo(t).Backend, model.NewStore(), graph)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Call(tensors.FromFlatDataAndDimensions(edges, lead, n-1, n, features))
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range [][]float64{edges, sums} {
			for i, got := range tensors.MustCopyFlatData[float64](out[k]) {
				if got != want[i] {
					t.Fatalf("%d particles: output %d has %g at %d, want %g", n, k, got, i, want[i])
				}
			}
		}
	}
}
