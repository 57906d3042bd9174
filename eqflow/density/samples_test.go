package density_test

import (
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// Prepare draws the fewest configurations that take the program of n draws.
func TestPrepareDrawsFew(t *testing.T) {
	tables := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	for _, c := range []struct {
		m       *eqflow.Model
		n, want int
	}{
		{tables, 5000, 1}, {eqflowtest.InGraphs(t, tables), 1, 1}, {eqflowtest.InGraphs(t, tables), 16, 1},
		{eqflowtest.InGraphs(t, tables), 17, 17}, {eqflowtest.InGraphs(t, tables), 5000, 257},
	} {
		drawn := 0
		c.m.Watch(t.Context(), func(_, total int) { drawn = total })
		if err := c.m.Prepare(c.n); err != nil {
			t.Fatal(err)
		}
		if drawn != c.want {
			t.Errorf("%d draws by %s are prepared by %d, want %d", c.n, c.m.ComputedBy(), drawn, c.want)
		}
	}
}
