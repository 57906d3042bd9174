package molecule

import "math"

// pairNumbers returns 4εσ¹², 4εσ⁶ and the product of the charges, with Coulomb's constant.
func pairNumbers(charge, sigma, epsilon float64) [3]float64 {
	s6 := math.Pow(sigma, 6)
	return [3]float64{4 * epsilon * s6 * s6, 4 * epsilon * s6, charge * coulomb}
}

// pairTable has the numbers of pairs.
type pairTable struct {
	atoms      []Site
	exceptions map[[2]int][3]float64 // of i < j
}

func (n *Nonbonded) pairTable() pairTable {
	t := pairTable{n.Atoms, map[[2]int][3]float64{}}
	for _, e := range n.Exceptions {
		t.exceptions[[2]int{min(e.I, e.J), max(e.I, e.J)}] = pairNumbers(e.Charge, e.Sigma, e.Epsilon)
	}
	return t
}

// at returns the numbers of the pair i < j, and whether it is an exception.
func (t pairTable) at(i, j int) (numbers [3]float64, exception bool) {
	if numbers, exception = t.exceptions[[2]int{i, j}]; exception {
		return numbers, true
	}
	a, b := t.atoms[i], t.atoms[j]
	return pairNumbers(a.Charge*b.Charge, (a.Sigma+b.Sigma)/2, math.Sqrt(a.Epsilon)*math.Sqrt(b.Epsilon)), false
}

// nonbonded writes a force that is not part of the solvent's loop.
func (c *compiler) nonbonded(k int, n *Nonbonded) bool {
	if n.Switch > 0 {
		return false
	}
	table := n.pairTable()
	if n.Cutoff == 0 {
		c.rows(sectionPairs, k, table, func(bool) bool { return true })
		return true
	}
	c.rows(sectionPairs, k, table, func(exception bool) bool { return exception })
	p := n.compile(len(n.Atoms)).(*pairTerm)
	c.number = append(c.number, p.cutoff2, p.krf, p.crf)
	c.rows(sectionCutPairs, k, table, func(exception bool) bool { return !exception })
	return true
}

// rows writes the chosen pairs that have an energy, in rows of their first atoms.
func (c *compiler) rows(kind, force int, table pairTable, chosen func(exception bool) bool) {
	n := c.system.Atoms()
	for i := range n {
		at := len(c.index) + 1 // of the count
		c.indices(i, 0)
		for j := i + 1; j < n; j++ {
			numbers, exception := table.at(i, j)
			if chosen(exception) && (numbers[0] != 0 || numbers[2] != 0) {
				c.indices(j)
				c.index[at]++
				c.number = append(c.number, numbers[:]...)
			}
		}
	}
	c.begin(kind, force, n)
}

// solvent writes a Born, with the pairs of the nonbonded force that shares its loop.
func (c *compiler) solvent(k int, b *Born) bool {
	flags, cutoff2, near, reach := b.inC()
	other := k
	if c.pairs >= 0 {
		flags |= flagFused
		other = c.pairs
	}
	c.begin(sectionBorn, k, len(b.Atoms))
	c.indices(flags, other)
	c.number = append(c.number, b.Coulomb/b.Solute, b.Coulomb/b.Solvent, b.Kappa, b.Surface, cutoff2, b.PairShift,
		near, reach)
	for _, a := range b.Atoms {
		charge, self, reach := a.Charge, a.Charge*a.Charge/2, a.Rho+b.Offset+b.Probe
		if !b.PolarPairs {
			charge = 0
		}
		if !b.PolarSelf {
			self = 0
		}
		c.number = append(c.number,
			a.Rho, a.Scaled, charge, self, a.Alpha, a.Beta, a.Gamma, a.Rho+b.Offset, reach*reach)
	}
	if c.pairs >= 0 {
		n := c.system.Atoms()
		table := c.system.Forces[c.pairs].Terms.(*Nonbonded).pairTable()
		for i := range n {
			for j := i + 1; j < n; j++ {
				numbers, _ := table.at(i, j)
				c.number = append(c.number, numbers[:]...)
			}
		}
	}
	if b.Neck != nil {
		c.necks(b)
	}
	return true
}

// inC returns the flags of energy.h and the distances of the solvent's section.
func (b *Born) inC() (flags int, cutoff2, near, reach float64) {
	near, ratio := b.extremes()
	for flag, set := range map[int]bool{
		flagHCT: b.HCT, flagEngulfed: b.Engulfed, flagCutoff: b.Cutoff > 0, flagMantissas: ratio > 4,
		flagNeck: b.Neck != nil,
	} {
		if set {
			flags |= flag
		}
	}
	if b.Neck != nil {
		reach = 2*b.Offset + b.Neck.Cut
	}
	return flags, b.Cutoff * b.Cutoff, near, reach
}

// necks writes the necks of all pairs.
func (c *compiler) necks(b *Born) {
	at := func(one, other BornSite) []float64 {
		k := one.Index + b.Neck.Size*other.Index
		return []float64{b.Neck.Scale * b.Neck.M0[k], b.Neck.D0[k]}
	}
	for i, one := range b.Atoms {
		for _, other := range b.Atoms[i+1:] {
			c.number = append(append(c.number, at(one, other)...), at(other, one)...)
		}
	}
}

// extremes returns the distance below which an atom may lie within another, and the largest ratio
// of the bounds of an integral.
func (b *Born) extremes() (near, ratio float64) {
	for _, one := range b.Atoms {
		for _, other := range b.Atoms {
			near = max(near, math.Abs(one.Rho-other.Scaled))
			ratio = max(ratio, 1+2*other.Scaled/one.Rho)
		}
	}
	return near, ratio
}
