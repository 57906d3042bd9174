package zmatrix

import (
	"cmp"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Chart is a ZMatrix with its split into soft and stiff coordinates. Soft ones are angles t on the
// circle. Stiff ones are numbers s of order one on the line: a bond, angle or dihedral angle q with
// centre c and spread σ is
//
//	r = c exp(sσ/c),  θ = 2 arctan(tan(c/2) exp(sσ/sin c)),  φ = c + 2 arctan(sσ/2)
//
// so that s covers all bonds r > 0, all angles in (0, π) and the whole circle but one point, and
// q = c + sσ near the centre.
type Chart struct {
	ZMatrix ZMatrix  `json:"zmatrix"`
	Circles []Circle `json:"circles"`
	// Centre and Spread are c and σ of each bond, angle and dihedral angle [3n−6], 0 for soft
	// ones.
	Centre []float64 `json:"centre"`
	Spread []float64 `json:"spread"`
}

// rangeOf says which range a coordinate has.
type rangeOf int

const (
	positive  rangeOf = iota // bonds
	halfTurn                 // angles
	wholeTurn                // dihedral angles
)

func (z ZMatrix) rangeOf(k int) rangeOf {
	switch {
	case k < len(z)-1:
		return positive
	case k < 2*len(z)-3:
		return halfTurn
	}
	return wholeTurn
}

// Stiff lists the numbers of the stiff coordinates, ascending.
func (c Chart) Stiff() []int {
	soft := map[int]bool{}
	for _, circle := range c.Circles {
		soft[c.ZMatrix.DihedralOf(circle.Members[0])] = true
	}
	var out []int
	for k := range c.ZMatrix.Shapes() {
		if !soft[k] {
			out = append(out, k)
		}
	}
	return out
}

// Validate returns an error for the first part that does not fit.
func (c Chart) Validate() error {
	if err := c.ZMatrix.Validate(); err != nil {
		return err
	}
	used := map[int]bool{}
	for _, circle := range c.Circles {
		if len(circle.Members) == 0 || circle.Hand != 1 && circle.Hand != -1 {
			return inputErrorf("a soft coordinate has no rows, or no hand of 1 or -1")
		}
		for _, k := range circle.Members {
			if k < 3 || k >= len(c.ZMatrix) || used[k] {
				return inputErrorf("row %d stands in two soft coordinates, or has no dihedral angle", k)
			}
			used[k] = true
			r, first := c.ZMatrix[k], c.ZMatrix[circle.Members[0]]
			if k != circle.Members[0] && (r.Bond != first.Bond || r.Angle != first.Angle || r.Dihedral != first.Atom) {
				return inputErrorf("row %d turns with row %d and is not placed by it", k, circle.Members[0])
			}
		}
	}
	if len(c.Centre) != c.ZMatrix.Shapes() || len(c.Spread) != len(c.Centre) {
		return inputErrorf("%d centres and %d spreads are not of %d coordinates",
			len(c.Centre), len(c.Spread), c.ZMatrix.Shapes())
	}
	for _, k := range c.Stiff() {
		low, high := 0.0, math.Inf(1)
		switch c.ZMatrix.rangeOf(k) {
		case halfTurn:
			high = widest
		case wholeTurn:
			low, high = -4, 4
		}
		if m := c.Centre[k]; !(m > low && m < high) {
			return inputErrorf("coordinate %d has its centre at %g, outside (%.4g, %.4g); where an angle is nearly "+
				"straight, place the atoms otherwise by a z-matrix of your own", k, m, low, high)
		}
		if s := c.Spread[k]; !(s > 0) || math.IsInf(s, 0) {
			return inputErrorf("coordinate %d has the spread %g; it must be positive", k, s)
		}
	}
	return nil
}

// widest is the largest centre of an angle, rad: beyond it, dihedral angles to its ends have no
// sense.
const widest = 2.9

// Split splits coordinates q [3n−3] into the soft ones t, the number of turns of each, and the
// stiff ones s, and returns log|det ∂(t, s)/∂q|.
func (c Chart) Split(q []float64) (t []float64, turns []int, s []float64, logDet float64) {
	q = slices.Clone(q)
	for _, circle := range c.Circles {
		a, n := circle.settle(c.ZMatrix, q)
		t, turns = append(t, a), append(turns, n)
		logDet += math.Log(float64(circle.Fold()))
	}
	for _, k := range c.Stiff() {
		value, slope := c.standard(k, q[k])
		s = append(s, value)
		logDet -= math.Log(slope)
	}
	return t, turns, s, logDet
}

// Join is the inverse of Split for the bonds, angles and dihedral angles [3n−6]. It returns
// log|det ∂q/∂(t, s)|.
func (c Chart) Join(t []float64, turns []int, s []float64) (q []float64, logDet float64) {
	q = make([]float64, c.ZMatrix.Shapes())
	for m, k := range c.Stiff() {
		var slope float64
		q[k], slope = c.physical(k, s[m])
		logDet += math.Log(slope)
	}
	for m, circle := range c.Circles {
		fold := float64(circle.Fold())
		logDet -= math.Log(fold)
		first := c.ZMatrix.DihedralOf(circle.Members[0])
		q[first] = 0
		q[first] = wrap(t[m]/fold - circle.mean(c.ZMatrix, q))
		circle.turn(c.ZMatrix, q, -turns[m])
	}
	return q, logDet
}

// physical returns the coordinate k whose number of order one is s, and its slope by s.
func (c Chart) physical(k int, s float64) (q, slope float64) {
	m, spread := c.Centre[k], c.Spread[k]
	switch c.ZMatrix.rangeOf(k) {
	case positive:
		q = m * math.Exp(s*spread/m)
		return q, q * spread / m
	case halfTurn:
		rate := spread / math.Sin(m)
		q = 2 * math.Atan(math.Tan(m/2)*math.Exp(s*rate))
		return q, rate * math.Sin(q)
	}
	half := s * spread / 2
	return wrap(m + 2*math.Atan(half)), spread / (1 + half*half)
}

// standard is the inverse of physical; the slope is that of physical.
func (c Chart) standard(k int, q float64) (s, slope float64) {
	m, spread := c.Centre[k], c.Spread[k]
	switch c.ZMatrix.rangeOf(k) {
	case positive:
		return m / spread * math.Log(q/m), q * spread / m
	case halfTurn:
		rate := spread / math.Sin(m)
		return math.Log(math.Tan(q/2)/math.Tan(m/2)) / rate, rate * math.Sin(q)
	}
	half := math.Tan(wrap(q-m) / 2)
	return 2 * half / spread, spread / (1 + half*half)
}

// Fit makes the chart of a z-matrix with the hands, centres and spreads of configurations [N, n,
// 3]: the mean of bonds and angles, and of dihedral angles the mean direction. Labels are turned
// first.
func Fit(z ZMatrix, circles []Circle, x particle.Batch) (Chart, error) {
	if x.Len() < 2 {
		return Chart{}, inputErrorf("%d configurations have no spread; give at least 2", x.Len())
	}
	in, err := z.Encode(x)
	if err != nil {
		return Chart{}, err
	}
	c := Chart{ZMatrix: z, Circles: slices.Clone(circles)}
	rows := make([][]float64, x.Len())
	for i := range rows {
		rows[i] = in.Q[i*z.Coordinates() : (i+1)*z.Coordinates()]
	}
	for m := range c.Circles {
		circle := &c.Circles[m]
		circle.Hand = 1
		if circle.Fold() > 2 && direction(rows, z.DihedralOf(circle.Members[1])) < 0 {
			circle.Hand = -1
		}
		for _, q := range rows {
			circle.settle(z, q)
		}
	}
	c.Centre, c.Spread = make([]float64, z.Shapes()), make([]float64, z.Shapes())
	for _, k := range c.Stiff() {
		c.Centre[k], c.Spread[k] = moments(rows, k, z.rangeOf(k))
	}
	return c, c.Validate()
}

// At makes the chart of a z-matrix about one configuration x [n*3], which gives the hands and the
// centres, with given spreads [3n−6]. Spreads beyond the largest that a coordinate of its kind
// has in a molecule are replaced by that.
func At(z ZMatrix, circles []Circle, x, spreads []float64) (Chart, error) {
	twice := particle.Batch{X: slices.Concat(x, x), N: len(z), D: 3}
	c, err := Fit(z, circles, twice)
	if err != nil {
		return c, err
	}
	if len(spreads) != len(c.Spread) {
		return c, inputErrorf("%d spreads are not of %d coordinates", len(spreads), len(c.Spread))
	}
	for _, k := range c.Stiff() {
		c.Spread[k] = min(spreads[k], largestSpread[z.rangeOf(k)])
	}
	return c, c.Validate()
}

// largestSpread are the largest spreads of bonds, nm, and of angles and dihedral angles, rad.
var largestSpread = map[rangeOf]float64{positive: 0.01, halfTurn: 0.2, wholeTurn: 0.5}

// direction returns the circular mean of a column.
func direction(rows [][]float64, k int) float64 {
	x, y := 0.0, 0.0
	for _, q := range rows {
		x += math.Cos(q[k])
		y += math.Sin(q[k])
	}
	return math.Atan2(y, x)
}

// moments returns the mean and the standard deviation of a column.
func moments(rows [][]float64, k int, r rangeOf) (mean, spread float64) {
	origin := 0.0
	if r == wholeTurn {
		origin = direction(rows, k)
	}
	off := func(q []float64) float64 {
		if r == wholeTurn {
			return wrap(q[k] - origin)
		}
		return q[k]
	}
	for _, q := range rows {
		mean += off(q) / float64(len(rows))
	}
	for _, q := range rows {
		spread += (off(q) - mean) * (off(q) - mean) / float64(len(rows))
	}
	mean += origin
	if r == wholeTurn {
		mean = wrap(mean)
	}
	return mean, cmp.Or(math.Sqrt(spread), smallestSpread)
}

// smallestSpread stands for the spread of a coordinate that is the same in all configurations.
const smallestSpread = 1e-4
