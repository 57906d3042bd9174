package molecule

import (
	"math"
	"slices"
)

// pairTerm is a compiled Nonbonded: each atom has half its σ and the root of 4ε, each pair of
// exceptions is left out of the loop over pairs.
type pairTerm struct {
	charge, halfSigma, rootEpsilon []float64
	excluded                       [][]int32 // of atom i, the atoms j > i, ascending
	exceptions                     []Exception
	cutoff2                        float64 // +Inf without a cutoff
	krf, crf                       float64 // of the reaction field
	cutoff, from                   float64 // of the switching function; from is +Inf without one
}

func (n *Nonbonded) compile(atoms int) term {
	p := &pairTerm{excluded: make([][]int32, atoms), cutoff2: math.Inf(1), from: math.Inf(1)}
	for _, a := range n.Atoms {
		p.charge = append(p.charge, a.Charge*math.Sqrt(coulomb))
		p.halfSigma = append(p.halfSigma, a.Sigma/2)
		p.rootEpsilon = append(p.rootEpsilon, 2*math.Sqrt(a.Epsilon))
	}
	for _, e := range n.Exceptions {
		i, j := min(e.I, e.J), max(e.I, e.J)
		p.excluded[i] = append(p.excluded[i], int32(j))
		if e.Charge != 0 || e.Epsilon != 0 {
			e.Charge *= coulomb
			p.exceptions = append(p.exceptions, e)
		}
	}
	for _, list := range p.excluded {
		slices.Sort(list)
	}
	if rc, eps := n.Cutoff, n.Dielectric; rc > 0 {
		p.cutoff, p.cutoff2 = rc, rc*rc
		p.krf = (eps - 1) / (2*eps + 1) / (rc * rc * rc)
		p.crf = 3 * eps / (2*eps + 1) / rc
		if n.Switch > 0 {
			p.from = n.Switch
		}
	}
	return p
}

func (p *pairTerm) add(x, f []float64, _ *workspace) float64 {
	sum := 0.0
	for i := range p.charge {
		xi, own := at(x, i), vec{}
		skip := p.excluded[i]
		for j := i + 1; j < len(p.charge); j++ {
			if len(skip) > 0 && int(skip[0]) == j {
				skip = skip[1:]
				continue
			}
			d := xi.minus(at(x, j))
			r2 := d.dot(d)
			if r2 > p.cutoff2 {
				continue
			}
			energy, s := p.pair(i, j, r2)
			sum += energy
			own = own.plus(d.scaled(s))
			d.addTo(f, j, -s)
		}
		own.addTo(f, i, 1)
	}
	for k := range p.exceptions {
		e := &p.exceptions[k]
		d := at(x, e.I).minus(at(x, e.J))
		r2 := d.dot(d)
		s6 := e.Sigma * e.Sigma / r2
		s6 *= s6 * s6
		electric := e.Charge / math.Sqrt(r2)
		sum += 4*e.Epsilon*(s6*s6-s6) + electric
		s := (4*e.Epsilon*(12*s6*s6-6*s6) + electric) / r2
		d.addTo(f, e.I, s)
		d.addTo(f, e.J, -s)
	}
	return sum
}

// pair returns the energy of a pair, and the factor of x_i − x_j in the force on i.
func (p *pairTerm) pair(i, j int, r2 float64) (energy, s float64) {
	inv2 := 1 / r2
	inv := math.Sqrt(inv2)
	sigma := p.halfSigma[i] + p.halfSigma[j]
	s6 := sigma * sigma * inv2
	s6 *= s6 * s6
	epsilon := p.rootEpsilon[i] * p.rootEpsilon[j]
	energy, s = epsilon*(s6*s6-s6), epsilon*(12*s6*s6-6*s6)*inv2
	if p.from < math.Inf(1) && r2 > p.from*p.from {
		energy, s = p.switched(energy, s, r2*inv)
	}
	electric := p.charge[i] * p.charge[j]
	return energy + electric*(inv+p.krf*r2-p.crf), s + electric*(inv*inv2-2*p.krf)
}

// switched multiplies a Lennard-Jones energy by 1 − 10y³ + 15y⁴ − 6y⁵, where y runs from 0 at the
// switching distance to 1 at the cutoff.
func (p *pairTerm) switched(energy, s, r float64) (float64, float64) {
	width := p.cutoff - p.from
	y := (r - p.from) / width
	value := 1 + y*y*y*(-10+y*(15-6*y))
	slope := y * y * (-30 + y*(60-30*y)) / width
	return energy * value, s*value - energy*slope/r
}
