package ensemble

import (
	"math"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// The spreads are those of the energy along each coordinate alone: the sum of the energy at both
// sides, less twice that between, is the square of the step over the square of the spread.
func TestSpreads(t *testing.T) {
	c, x := open(t)
	z, err := zmatrix.FromShape(ShapeOf(c.System()))
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Clone(x.At(0))
	c.Settle(at)
	spreads, err := c.Spreads(z, at)
	if err != nil {
		t.Fatal(err)
	}
	x.X = at
	in, err := z.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	u := func(k int, step float64) float64 {
		q := slices.Clone(in.Q)
		q[k] += step
		y, _, err := z.Decode(q)
		if err != nil {
			t.Fatal(err)
		}
		return c.EnergyForces(y.X, nil)
	}
	for k, got := range spreads {
		const step = 1e-4
		bend := (u(k, step) + u(k, -step) - 2*u(k, 0)) / (step * step)
		want := 1 / math.Sqrt(bend)
		if bend < 1 { // a soft angle between two minima
			continue
		}
		if math.Abs(got/want-1) > 1e-2 {
			t.Errorf("the spread of coordinate %d is %g, energies give %g", k, got, want)
		}
	}
	// A bond between carbon and carbon, ½ 265265 kJ/mol/nm² at 300 K, is 0.0031 nm wide alone.
	if s := spreads[0]; s < 0.0015 || s > 0.0035 {
		t.Errorf("the first bond is %g nm wide", s)
	}
}
