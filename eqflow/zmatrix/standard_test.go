package zmatrix_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// fitted returns a chart of configurations of alanine dipeptide.
func fitted(t *testing.T) (zmatrix.Chart, particle.Batch) {
	t.Helper()
	shape, z, x := open(t)
	c, err := zmatrix.Fit(z, z.Circles(shape), x)
	if err != nil {
		t.Fatal(err)
	}
	return c, x
}

func encode(t *testing.T, c zmatrix.Chart, x particle.Batch) [][]float64 {
	t.Helper()
	in, err := c.ZMatrix.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]float64
	for row := range slices.Chunk(in.Q, c.ZMatrix.Coordinates()) {
		rows = append(rows, row)
	}
	return rows
}

// Of 60 coordinates of alanine dipeptide 5 are soft. Fit finds the centres and spreads from which
// configurations with all labellings are drawn, to the 4 % of a standard error of 600 draws.
func TestFit(t *testing.T) {
	c, _ := fitted(t)
	stiff := c.Stiff()
	if len(stiff) != 55 || len(c.Circles) != 5 {
		t.Fatalf("%d stiff and %d soft coordinates", len(stiff), len(c.Circles))
	}
	for k := range c.Spread {
		c.Spread[k] = min(c.Spread[k], 0.02)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	var q []float64
	for range 600 {
		soft, turns, s := make([]float64, 5), make([]int, 5), make([]float64, 55)
		for k, circle := range c.Circles {
			soft[k], turns[k] = 2*math.Pi*rng.Float64()-math.Pi, rng.IntN(circle.Fold())
		}
		for k := range s {
			s[k] = rng.NormFloat64()
		}
		row, _ := c.Join(soft, turns, s)
		q = append(append(q, row...), 1, 0.5, -2)
	}
	x, _, err := c.ZMatrix.Decode(q)
	if err != nil {
		t.Fatal(err)
	}
	got, err := zmatrix.Fit(c.ZMatrix, c.Circles, x)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range stiff {
		off := math.Abs(math.Remainder(got.Centre[k]-c.Centre[k], 2*math.Pi)) / c.Spread[k]
		if ratio := got.Spread[k] / c.Spread[k]; off > 0.16 || math.Abs(ratio-1) > 0.13 {
			t.Errorf("coordinate %d has its centre %.3f spreads away and %.3f of the spread", k, off, ratio)
		}
	}
	for m, circle := range got.Circles {
		if circle.Hand != c.Circles[m].Hand {
			t.Errorf("soft coordinate %d has the hand %d", m, circle.Hand)
		}
	}
}

// Join undoes Split, the log-determinants add up to 0, and each is that of the differences.
func TestSplitAndJoin(t *testing.T) {
	c, x := fitted(t)
	for _, q := range encode(t, c, x) {
		soft, turns, s, logDet := c.Split(q)
		back, logDetBack := c.Join(soft, turns, s)
		for k, v := range back {
			if d := math.Abs(v - q[k]); d > 1e-9 && math.Abs(d-2*math.Pi) > 1e-9 {
				t.Fatalf("coordinate %d is %g, not %g", k, v, q[k])
			}
		}
		if math.Abs(logDet+logDetBack) > 1e-9 {
			t.Errorf("the log-determinants add up to %g", logDet+logDetBack)
		}
	}
	q := encode(t, c, x)[0]
	_, turns, _, logDet := c.Split(q)
	n := x.N
	whole := func(y []float64) []float64 {
		in, _ := c.Join(y[:5], turns, y[5:60])
		out, _, err := c.ZMatrix.Decode(append(in, y[60:]...))
		if err != nil {
			t.Fatal(err)
		}
		return out.X
	}
	soft, _, s, _ := c.Split(q)
	want := jacobian(n, slices.Concat(soft, s, q[60:]), whole)
	in, err := c.ZMatrix.Encode(x.Slice(0, 1))
	if err != nil {
		t.Fatal(err)
	}
	if got := in.LogDet[0] - logDet; math.Abs(got-want) > 1e-6 {
		t.Errorf("log|det| of both maps is %.9f, differences give %.9f", got, want)
	}
}

// A cyclic exchange of a methyl's hydrogens changes its number of turns and nothing else. Their
// other order is another hand, with other stiff coordinates.
func TestLabelsOfMethyls(t *testing.T) {
	c, x := fitted(t)
	x = x.Slice(0, 1)
	before, turns, stiff, _ := c.Split(encode(t, c, x)[0])
	exchanged := func(to ...int) (soft []float64, number []int, s []float64) {
		y := x.Clone()
		for k, i := range []int{1, 2, 3} {
			copy(y.X[3*to[k]:3*to[k]+3], x.X[3*i:3*i+3])
		}
		soft, number, s, _ = c.Split(encode(t, c, y)[0])
		return soft, number, s
	}
	differs := func(a, b []float64) bool {
		for k := range a {
			if math.Abs(a[k]-b[k]) > 1e-9 {
				return true
			}
		}
		return false
	}
	seen := map[int]bool{turns[3]: true}
	for _, to := range [][]int{{2, 3, 1}, {3, 1, 2}} {
		soft, number, s := exchanged(to...)
		if differs(soft, before) || differs(s, stiff) {
			t.Errorf("the exchange %v changes the coordinates", to)
		}
		seen[number[3]] = true
	}
	if len(seen) != 3 {
		t.Errorf("the labellings have the turns %v", seen)
	}
	if _, _, s := exchanged(2, 1, 3); !differs(s, stiff) {
		t.Error("the other hand of a methyl has the same coordinates")
	}
}
