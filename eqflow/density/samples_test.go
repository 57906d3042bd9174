package density_test

import (
	"math"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
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

// Samples that are weighted for another temperature have the energies and the weights of the system
// at that temperature.
func TestAtTemperature(t *testing.T) {
	m := eqflowtest.Model(t, xlatest.OpenGo(t), eqflowtest.Small)
	s, err := m.Sample(50, 1)
	if err != nil {
		t.Fatal(err)
	}
	hot := target.DW4()
	hot.KT *= 1.25
	want, got := density.Weigh(hot, s.X, s.LogQ), s.AtTemperature(1.25)
	for i := range want.Energy {
		if math.Abs(got.Energy[i]-want.Energy[i]) > 1e-9 || math.Abs(got.LogWeight[i]-want.LogWeight[i]) > 1e-9 {
			t.Fatalf("sample %d has u %g and ln w %g, want %g and %g",
				i, got.Energy[i], got.LogWeight[i], want.Energy[i], want.LogWeight[i])
		}
	}
	if again := s.AtTemperature(1); !slices.Equal(again.LogWeight, s.LogWeight) {
		t.Error("the system's own temperature changes the weights")
	}
	defer func() {
		if recover() == nil {
			t.Error("a negative temperature is accepted")
		}
	}()
	s.AtTemperature(-1)
}
