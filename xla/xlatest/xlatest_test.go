package xlatest_test

import (
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// 1 + 2 + 3 + 4 = 10 on every backend.
func TestEachComputes(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		sum := func(x *graph.Node) *graph.Node { return graph.ReduceAllSum(x) }
		got, err := graph.CallOnce(backend.Backend, sum, []float32{1, 2, 3, 4})
		if err != nil {
			t.Fatal(err)
		}
		if got.Value() != float32(10) {
			t.Errorf("sum is %v, want 10 (%s)", got.Value(), backend)
		}
	})
}
