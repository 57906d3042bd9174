package density_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// A map that ends after every block, and continues, gives the bytes of one that does not end: by
// tables, and by graphs, whose last block has a size of its own.
func TestContinueGivesTheSameBytes(t *testing.T) {
	tables := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	coupling := eqflowtest.Model(t, xlatest.OpenGo(t), flow.Coupling{Blocks: 2, Hidden: 8})
	for name, q := range map[string]*density.Pushforward{
		"tables": tables.Pushforward, "graphs": coupling.Pushforward,
	} {
		for _, n := range []int{1, 17, 2000, 2050, 3072} {
			z := q.PriorDraws(n, 1)
			q.Watch(t.Context(), nil)
			want, err := q.Forward(z, 0)
			if err != nil {
				t.Fatal(err)
			}
			got, calls := density.Image{}, 0
			for err := error(context.Canceled); err != nil; calls++ {
				before := got.X.Len()
				ctx, cancel := context.WithCancel(t.Context())
				q.Watch(ctx, func(done, _ int) {
					if done > before {
						cancel()
					}
				})
				if got, err = q.Continue(got, z, 0); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				cancel()
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %d configurations in %d calls differ from those of one", name, n, calls)
			}
			if n > 1024 && calls < 2 {
				t.Errorf("%s: %d configurations were not interrupted", name, n)
			}
		}
	}
}
