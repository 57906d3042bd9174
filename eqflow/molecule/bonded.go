package molecule

import "math"

// term computes the energy of one force in plain Go.
type term interface {
	// add adds the forces at x [n*3] to f [n*3] and returns the energy.
	add(x, f []float64, w *workspace) float64
}

func (NoEnergy) compile(int) term { return NoEnergy{} }

func (NoEnergy) add(_, _ []float64, _ *workspace) float64 { return 0 }

func (b Bonds) compile(int) term { return b }

func (b Bonds) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for _, t := range b {
		d := at(x, t.I).minus(at(x, t.J))
		r := d.norm()
		stretch := r - t.Length
		sum += 0.5 * t.K * stretch * stretch
		s := -t.K * stretch / r
		d.addTo(f, t.I, s)
		d.addTo(f, t.J, -s)
	}
	return sum
}

func (a Angles) compile(int) term { return a }

// straight bounds |u × v| from below in the forces of an angle of 0 or π, where the direction of
// the forces is undefined (nm²). OpenMM has the same number.
const straight = 1e-6

func (a Angles) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for _, t := range a {
		center := at(x, t.J)
		u, v := at(x, t.I).minus(center), at(x, t.K).minus(center)
		normal := u.cross(v)
		area := normal.norm()
		bend := math.Atan2(area, u.dot(v)) - t.Theta
		sum += 0.5 * t.C * bend * bend
		s := -t.C * bend / max(area, straight)
		fu := u.cross(normal).scaled(s / u.dot(u))
		fv := normal.cross(v).scaled(s / v.dot(v))
		fu.addTo(f, t.I, 1)
		fv.addTo(f, t.K, 1)
		fu.plus(fv).addTo(f, t.J, -1)
	}
	return sum
}

// dihedral is the geometry of four atoms: the cosine and sine of the angle φ, and what the forces
// take. Notation after Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996).
type dihedral struct {
	cos, sin float64
	a, b     vec     // F × G and H × G
	g        float64 // |G|
	fg, hg   float64 // F·G and H·G
	aa, bb   float64 // a·a and b·b
}

func newDihedral(x []float64, q *[4]int) dihedral {
	second, third := at(x, q[1]), at(x, q[2])
	f, g, h := at(x, q[0]).minus(second), second.minus(third), at(x, q[3]).minus(third)
	d := dihedral{a: f.cross(g), b: h.cross(g), g: g.norm(), fg: f.dot(g), hg: h.dot(g)}
	d.aa, d.bb = d.a.dot(d.a), d.b.dot(d.b)
	scale := 1 / math.Sqrt(d.aa*d.bb)
	d.cos = d.a.dot(d.b) * scale
	d.sin = d.b.cross(d.a).dot(g) * scale / d.g
	return d
}

// addForces adds the forces of an energy whose derivative by φ is slope.
func (d *dihedral) addForces(f []float64, q *[4]int, slope float64) {
	first := d.a.scaled(slope * d.g / d.aa)
	last := d.b.scaled(-slope * d.g / d.bb)
	shift := d.a.scaled(-slope * d.fg / (d.aa * d.g)).plus(d.b.scaled(slope * d.hg / (d.bb * d.g)))
	first.addTo(f, q[0], 1)
	last.addTo(f, q[3], 1)
	shift.minus(first).addTo(f, q[1], 1)
	shift.plus(last).addTo(f, q[2], -1)
}

// wave is one term of a torsion: K (1 + cos nφ cos δ + sin nφ sin δ).
type wave struct {
	n         int
	k, kc, ks float64 // K, K cos δ, K sin δ
}

// torsionGroup is all waves of one quadruple of atoms.
type torsionGroup struct {
	atoms [4]int
	waves []wave
}

type torsionGroups []torsionGroup

// compile gathers the terms of equal quadruples, which share the geometry.
func (t Torsions) compile(int) term {
	var groups torsionGroups
	number := map[[4]int]int{}
	for _, torsion := range t {
		q := torsion.Atoms
		if q[0] > q[3] { // φ is the same read from either end
			q = [4]int{q[3], q[2], q[1], q[0]}
		}
		k, found := number[q]
		if !found {
			k = len(groups)
			number[q] = k
			groups = append(groups, torsionGroup{atoms: q})
		}
		sin, cos := math.Sincos(torsion.Phase)
		groups[k].waves = append(groups[k].waves,
			wave{torsion.Periodicity, torsion.K, torsion.K * cos, torsion.K * sin})
	}
	return groups
}

func (g torsionGroups) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for k := range g {
		q := &g[k].atoms
		d := newDihedral(x, q)
		slope := 0.0
		for _, w := range g[k].waves {
			cos, sin := multiple(d.cos, d.sin, w.n)
			sum += w.k + w.kc*cos + w.ks*sin
			slope += float64(w.n) * (w.ks*cos - w.kc*sin)
		}
		d.addForces(f, q, slope)
	}
	return sum
}

// multiple returns the cosine and sine of nφ.
func multiple(cos, sin float64, n int) (float64, float64) {
	c, s := 1.0, 0.0
	for range n {
		c, s = c*cos-s*sin, s*cos+c*sin
	}
	return c, s
}

func (t RBTorsions) compile(int) term { return t }

func (t RBTorsions) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for k := range t {
		d := newDihedral(x, &t[k].Atoms)
		c := -d.cos // cos(φ − π)
		value, slope := 0.0, 0.0
		for n := len(t[k].C) - 1; n >= 0; n-- { // Horner, and the derivative by c
			slope = slope*c + value
			value = value*c + t[k].C[n]
		}
		sum += value
		d.addForces(f, &t[k].Atoms, slope*d.sin) // dc/dφ = sin φ
	}
	return sum
}
