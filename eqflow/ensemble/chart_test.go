package ensemble

import (
	"math"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// A chart from the energy alone is centred at a minimum near the structure, with the structure's
// hands: every stiff coordinate that leaves its centre by a tenth of its spread raises the energy,
// to both sides.
func TestChart(t *testing.T) {
	c, x := open(t)
	x = x.Slice(0, 1)
	start := x.Clone()
	shape := ShapeOf(c.System())
	z, err := zmatrix.FromShape(shape)
	if err != nil {
		t.Fatal(err)
	}
	chart, energies, err := c.Chart(z, z.Circles(shape), x.At(0))
	if err != nil {
		t.Fatal(err)
	}
	if energies < 100 || energies > 20000 {
		t.Errorf("relaxing took %d energies", energies)
	}
	at, _, err := c.relaxed(x.At(0))
	if err != nil {
		t.Fatal(err)
	}
	x.X = at
	in, err := z.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	soft, turns, stiff, _ := chart.Split(in.Q)
	energy := func(s []float64) float64 {
		q, _ := chart.Join(soft, turns, s)
		y, _, err := z.Decode(append(q, in.Q[z.Shapes():]...))
		if err != nil {
			t.Fatal(err)
		}
		return target.Energies(c, y)[0]
	}
	least := energy(stiff)
	for k, v := range stiff {
		if math.Abs(v) > 1e-6 {
			t.Errorf("stiff coordinate %d is %g at the minimum", k, v)
		}
		for _, step := range []float64{-.1, .1} {
			moved := slices.Clone(stiff)
			moved[k] += step
			if rise := energy(moved) - least; !(rise > 0) || rise > 0.02 {
				t.Errorf("stiff coordinate %d by %g of its spread changes the energy by %g kT", k, step, rise)
			}
		}
	}
	before, after := c.Chiralities(start), c.Chiralities(x)
	if !slices.Equal(before, after) {
		t.Errorf("the hands are %v, of the structure %v", after, before)
	}
}
