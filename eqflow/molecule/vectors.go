package molecule

import (
	"math"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// vectors computes energies in C, one configuration to a lane of the processor's vectors. Terms
// that the C does not have are added in Go, in float64.
type vectors struct {
	*Potential // the reference, for terms in Go and for configurations without a finite energy
	precision  Precision
	tape       tape
	compiled   compiledTape
	inGo       []int // the forces whose terms are added in Go
	spaces     sync.Pool
}

// vectorBlock is the number of configurations of a call. It is a multiple of every vector's width.
const vectorBlock = 16

// tape is a System in the form of energy.h.
type tape struct {
	sections []section
	index    []int32
	number   []float64
}

// section is the terms of one force: its kind, its number, and the number of terms.
type section struct{ kind, force, count int32 }

// newVectors compiles a System for C. It returns nil if the C has none of its terms.
func newVectors(p *Potential, precision Precision) *vectors {
	v := &vectors{Potential: p, precision: precision}
	c := compiler{tape: &v.tape, system: p.system, pairs: -1}
	c.choosePairs()
	for k, f := range p.system.Forces {
		if !c.force(k, f.Terms) {
			v.inGo = append(v.inGo, k)
		}
	}
	if len(v.tape.sections) == 0 {
		return nil
	}
	v.compile()
	v.spaces.New = func() any { return v.newSpace() }
	return v
}

// vectorSpace is the working space of a call.
type vectorSpace struct {
	memory   []float64 // of the C
	energies []float64 // [vectorBlock, forces]
	forces   []float64 // [vectorBlock, 3n]
	one      workspace
}

func (v *vectors) newSpace() *vectorSpace {
	k, n := len(v.system.Forces), 3*v.system.Atoms()
	return &vectorSpace{
		memory:   make([]float64, (v.spaceBytes()+7)/8),
		energies: make([]float64, vectorBlock*k), forces: make([]float64, vectorBlock*n),
		one: workspace{forces: make([]float64, n), byForce: make([]float64, k)},
	}
}

// Block implements Engine.
func (v *vectors) Block() int { return vectorBlock }

// Compute implements Engine. A configuration whose energy is not finite is computed again in Go: in
// float32 energies overflow earlier, and Go names the atoms at fault.
func (v *vectors) Compute(x particle.Batch, out Energies) error {
	s := v.spaces.Get().(*vectorSpace)
	defer v.spaces.Put(s)
	n, k := 3*v.system.Atoms(), len(v.system.Forces)
	for from := 0; from < x.Len(); from += vectorBlock {
		to := min(x.Len(), from+vectorBlock)
		part, part0 := x.Slice(from, to), out.slice(from, to, k, n)
		energies, forces := s.energies[:(to-from)*k], s.forces[:(to-from)*n]
		v.evaluate(part.X, to-from, energies, forces, s.memory)
		for i := range to - from {
			one := part0.slice(i, i+1, k, n)
			if err := v.finish(part.At(i), energies[i*k:(i+1)*k], forces[i*n:(i+1)*n], one, s); err != nil {
				return &ConfigurationError{Configuration: from + i, Err: err}
			}
		}
	}
	return nil
}

// finish adds the terms in Go to the results of one configuration, and writes them to out.
func (v *vectors) finish(x, energies, forces []float64, out Energies, s *vectorSpace) error {
	for _, k := range v.inGo {
		energies[k] += v.terms[k].add(x, forces, &s.one)
	}
	total := 0.0
	for _, e := range energies {
		total += e
	}
	if !finite(total, forces) {
		e, err := v.Energy(x, out.Forces, out.ByForce)
		if err == nil && out.Total != nil {
			out.Total[0] = e
		}
		return err
	}
	if out.Total != nil {
		out.Total[0] = total
	}
	copy(out.ByForce, energies)
	copy(out.Forces, forces)
	return nil
}

func finite(total float64, forces []float64) bool {
	check := total - total // 0, or NaN where the number is not finite
	for _, f := range forces {
		check += f - f
	}
	return check == 0
}

// compiler writes a System onto a tape.
type compiler struct {
	*tape
	system *System
	pairs  int // the force whose pairs the solvent's loop takes, −1 for none
	born   int // the force of the solvent, −1 for none
}

// choosePairs finds the forces that share the loop over pairs: the first solvent and the first
// nonbonded force without a cutoff.
func (c *compiler) choosePairs() {
	c.born = -1
	for k, f := range c.system.Forces {
		switch t := f.Terms.(type) {
		case *Born:
			if c.born < 0 {
				c.born = k
			}
		case *Nonbonded:
			if c.pairs < 0 && t.Cutoff == 0 {
				c.pairs = k
			}
		}
	}
	if c.born < 0 {
		c.pairs = -1
	}
}

func (t *tape) begin(kind, force, count int) {
	t.sections = append(t.sections, section{int32(kind), int32(force), int32(count)})
}

func (t *tape) indices(numbers ...int) {
	for _, i := range numbers {
		t.index = append(t.index, int32(i))
	}
}

// force writes a force and reports whether the C has its terms.
func (c *compiler) force(k int, terms Terms) bool {
	switch t := terms.(type) {
	case NoEnergy:
	case Bonds:
		c.begin(sectionBonds, k, len(t))
		for _, b := range t {
			c.indices(b.I, b.J)
			c.number = append(c.number, b.Length, b.K)
		}
	case Angles:
		c.begin(sectionAngles, k, len(t))
		for _, a := range t {
			c.indices(a.I, a.J, a.K)
			c.number = append(c.number, a.Theta, a.C)
		}
	case Torsions:
		c.torsions(k, t)
	case RBTorsions:
		c.begin(sectionPolynomials, k, len(t))
		for _, r := range t {
			c.indices(append(r.Atoms[:], len(r.C)-1)...)
			for n, v := range r.C { // in cos(φ − π) = −cos φ
				c.number = append(c.number, v*math.Pow(-1, float64(n)))
			}
		}
	case *Nonbonded:
		return k == c.pairs || c.nonbonded(k, t)
	case *Born:
		return k == c.born && c.solvent(k, t)
	default:
		return false
	}
	return true
}

// The largest period of a torsion as a polynomial, and the sine of the largest phase that counts as
// 0 or π. Chebyshev's polynomials of higher orders lose digits as sums of powers.
const (
	largestPolynomial = 8
	straightPhase     = 1e-12
)

// torsions writes torsions with phases 0 and π as polynomials of cos φ, the others as waves.
func (c *compiler) torsions(k int, t Torsions) {
	var polynomials, waves torsionGroups
	for _, g := range t.compile(0).(torsionGroups) {
		if g.isPolynomial() {
			polynomials = append(polynomials, g)
		} else {
			waves = append(waves, g)
		}
	}
	if len(polynomials) > 0 {
		c.begin(sectionPolynomials, k, len(polynomials))
	}
	for _, g := range polynomials {
		coefficients := g.polynomial()
		c.indices(append(g.atoms[:], len(coefficients)-1)...)
		c.number = append(c.number, coefficients...)
	}
	if len(waves) > 0 {
		c.begin(sectionWaves, k, len(waves))
	}
	for _, g := range waves {
		order := g.order()
		c.indices(append(g.atoms[:], order)...)
		numbers := make([]float64, 1+2*order)
		for _, w := range g.waves {
			numbers[0] += w.k
			if w.n == 0 {
				numbers[0] += w.kc
				continue
			}
			numbers[2*w.n-1] += w.kc
			numbers[2*w.n] += w.ks
		}
		c.number = append(c.number, numbers...)
	}
}

func (g torsionGroup) order() int {
	order := 0
	for _, w := range g.waves {
		order = max(order, w.n)
	}
	return order
}

func (g torsionGroup) isPolynomial() bool {
	for _, w := range g.waves {
		if math.Abs(w.ks) > straightPhase*math.Abs(w.k) {
			return false
		}
	}
	return g.order() <= largestPolynomial
}

// polynomial returns the coefficients of Σ K + K cos δ T_n(cos φ), by Chebyshev's recurrence
// T_n+1 = 2 x T_n − T_n−1.
func (g torsionGroup) polynomial() []float64 {
	size := g.order() + 1
	chebyshev := [][]float64{make([]float64, size), make([]float64, size)}
	chebyshev[0][0] = 1
	if size > 1 {
		chebyshev[1][1] = 1
	}
	for n := 2; n < size; n++ {
		next := make([]float64, size)
		for k := range next {
			if k > 0 {
				next[k] = 2 * chebyshev[n-1][k-1]
			}
			next[k] -= chebyshev[n-2][k]
		}
		chebyshev = append(chebyshev, next)
	}
	out := make([]float64, size)
	for _, w := range g.waves {
		out[0] += w.k
		for k, v := range chebyshev[w.n] {
			out[k] += w.kc * v
		}
	}
	return out
}
