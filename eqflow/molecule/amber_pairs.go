package molecule

import (
	"fmt"
	"math"
)

// lennardJones holds the coefficients of A/r¹² − B/r⁶ of pairs of types, in kcal/mol and Å.
type lennardJones struct {
	types int
	index []int // [types, types], from 0
	a, b  []float64
}

// at returns the coefficients of two types.
func (l *lennardJones) at(i, j int) (a, b float64) {
	k := l.index[i*l.types+j]
	if k < 0 {
		return 0, 0
	}
	return l.a[k], l.b[k]
}

// ljForm returns σ in nm and ε in kJ/mol. ok is false where the potential has another form.
func ljForm(a, b float64) (sigma, epsilon float64, ok bool) {
	switch {
	case a == 0 && b == 0:
		return 0.1, 0, true
	case a <= 0 || b <= 0:
		return 0, 0, false
	}
	return math.Pow(a/b, 1./6) * perAngstrom, 0.25 * b * b / a * perKilocalorie, true
}

// offDiagonal is how far, relative to them, the coefficients of a pair of types may lie from those
// that Lorentz and Berthelot's rules give. Files have nine digits.
const offDiagonal = 1e-6

// modified reports whether two types have coefficients of their own (NBFIX).
func (l *lennardJones) modified(i, j int) bool {
	sigmaI, epsilonI, _ := ljForm(l.at(i, i))
	sigmaJ, epsilonJ, _ := ljForm(l.at(j, j))
	a, b := l.at(i, j)
	s6 := math.Pow((sigmaI+sigmaJ)/2/perAngstrom, 6)
	scale := 4 * math.Sqrt(epsilonI*epsilonJ) / perKilocalorie
	return math.Abs(a-scale*s6*s6) > offDiagonal*math.Abs(a) || math.Abs(b-scale*s6) > offDiagonal*math.Abs(b)
}

// readLennardJones reads the coefficients of all pairs of types.
func (f *amberFile) readLennardJones() *lennardJones {
	types := f.pointers["NTYPES"]
	l := &lennardJones{types: types}
	l.index = f.ints("NONBONDED_PARM_INDEX", types*types)
	l.a = f.floats("LENNARD_JONES_ACOEF", types*(types+1)/2)
	l.b = f.floats("LENNARD_JONES_BCOEF", types*(types+1)/2)
	hydrogenA, hydrogenB := f.floats("HBOND_ACOEF", f.pointers["NPHB"]), f.floats("HBOND_BCOEF", f.pointers["NPHB"])
	if f.err != nil {
		return l
	}
	for k := range hydrogenA {
		if hydrogenA[k] != 0 || hydrogenB[k] != 0 {
			f.refuse("a 10-12 potential (HBOND_ACOEF)", "its terms are not implemented; use a force field without them")
		}
	}
	for k, v := range l.index {
		if v > len(l.a) || v == 0 || v < -len(hydrogenA) || v != l.index[k%types*types+k/types] {
			f.failf("NONBONDED_PARM_INDEX", "the entry %d of types %d and %d names no coefficients, or is not that "+
				"of types %d and %d; copy the file again", v, k/types+1, k%types+1, k%types+1, k/types+1)
			return l
		}
	}
	for k := range l.index {
		l.index[k]--
	}
	return l
}

// readPairs reads Lennard-Jones and Coulomb energies with their exclusions and 1-4 pairs. A pair of
// types with coefficients of its own (NBFIX) becomes an exception for each pair of atoms; without a
// cutoff, the energy is the same.
func (f *amberFile) readPairs(s *System) {
	n := s.Atoms()
	charges, types := f.floats("CHARGE", n), f.ints("ATOM_TYPE_INDEX", n)
	l := f.readLennardJones()
	if f.err != nil {
		return
	}
	nb := &Nonbonded{}
	for i, t := range types {
		if t < 1 || t > l.types {
			f.failf("ATOM_TYPE_INDEX", "atom %d has the type %d of %d; copy the file again", i, t, l.types)
			return
		}
		types[i] = t - 1
		sigma, epsilon, ok := ljForm(l.at(t-1, t-1))
		if !ok {
			f.refuseForm(t-1, t-1)
		}
		nb.Atoms = append(nb.Atoms, Site{Charge: charges[i] / amberChargeUnit, Sigma: sigma, Epsilon: epsilon})
	}
	excluded := f.exclusions(n)
	if f.err != nil {
		return
	}
	f.readFourteens(nb, l, types, excluded)
	if f.err != nil {
		return
	}
	for i := range excluded {
		for _, j := range excluded[i].order {
			if !excluded[i].fourteen[j] {
				nb.Exceptions = append(nb.Exceptions, Exception{I: i, J: j, Sigma: 0.1})
			}
		}
	}
	f.addModified(nb, l, types, excluded)
	s.addForce("NonbondedForce", nb)
}

func (f *amberFile) refuseForm(i, j int) {
	f.refuse(fmt.Sprintf("the Lennard-Jones term of the types %d and %d", i+1, j+1),
		"its coefficients A and B are not both positive or both 0; correct the force field")
}

// excludedAtoms are the atoms after one atom that its pairs leave out.
type excludedAtoms struct {
	order    []int
	has      map[int]bool
	fourteen map[int]bool
}

// exclusions reads which pairs are left out.
func (f *amberFile) exclusions(n int) []excludedAtoms {
	counts, list := f.ints("NUMBER_EXCLUDED_ATOMS", n), f.ints("EXCLUDED_ATOMS_LIST", f.pointers["NEXT"])
	if f.err != nil {
		return nil
	}
	out := make([]excludedAtoms, n)
	for i, count := range counts {
		if count < 0 || count > len(list) {
			f.failf("NUMBER_EXCLUDED_ATOMS", "atom %d excludes %d atoms, and EXCLUDED_ATOMS_LIST has %d left; copy "+
				"the file again", i, count, len(list))
			return nil
		}
		out[i] = excludedAtoms{has: map[int]bool{}, fourteen: map[int]bool{}}
		for _, j := range list[:count] {
			if j == 0 { // stands for none
				continue
			}
			if j--; j <= i || j >= n || out[i].has[j] {
				f.failf("EXCLUDED_ATOMS_LIST", "atom %d excludes the atom %d twice or out of order; copy the file "+
					"again", i, j)
				return nil
			}
			out[i].order, out[i].has[j] = append(out[i].order, j), true
		}
		list = list[count:]
	}
	if len(list) > 0 {
		f.failf("EXCLUDED_ATOMS_LIST", "holds %d atoms more than NUMBER_EXCLUDED_ATOMS counts; copy the file "+
			"again", len(list))
	}
	return out
}

// scales reads the divisors of the 1-4 energies, by type of torsion. Files before Amber 11 have
// none, and mean 1.2 and 2.
func (f *amberFile) scales(name string, absent float64) []float64 {
	if f.has(name) {
		return f.floats(name, f.pointers["NPTRA"])
	}
	out := make([]float64, f.pointers["NPTRA"])
	for k := range out {
		out[k] = absent
	}
	return out
}

// readFourteens adds the 1-4 pairs, which are the ends of the torsions that do not say otherwise.
func (f *amberFile) readFourteens(nb *Nonbonded, l *lennardJones, types []int, excluded []excludedAtoms) {
	scee, scnb := f.scales("SCEE_SCALE_FACTOR", 1.2), f.scales("SCNB_SCALE_FACTOR", 2)
	terms := f.torsionTerms()
	if f.err != nil {
		return
	}
	for _, t := range terms {
		if t.outside || t.improper {
			continue
		}
		i, j := min(t.atoms[0], t.atoms[3]), max(t.atoms[0], t.atoms[3])
		sigma, epsilon, ok := ljForm(l.at(types[i], types[j]))
		switch {
		case !ok:
			f.refuseForm(types[i], types[j])
			epsilon = 0
		case !excluded[i].has[j]:
			f.failf("EXCLUDED_ATOMS_LIST", "the 1-4 pair of the atoms %d and %d is not in it; copy the file "+
				"again", i, j)
			return
		case excluded[i].fourteen[j]:
			f.failf("DIHEDRALS_WITHOUT_HYDROGEN", "or DIHEDRALS_INC_HYDROGEN: two torsions make a 1-4 pair of the "+
				"atoms %d and %d; write the file again with tleap", i, j)
			return
		case scee[t.kind] <= 0 || scnb[t.kind] <= 0:
			f.failf("SCEE_SCALE_FACTOR", "or SCNB_SCALE_FACTOR: torsion type %d divides 1-4 energies by %g and %g; "+
				"correct the file", t.kind+1, scee[t.kind], scnb[t.kind])
			return
		}
		excluded[i].fourteen[j] = true
		nb.Exceptions = append(nb.Exceptions, Exception{
			I: i, J: j, Charge: nb.Atoms[i].Charge * nb.Atoms[j].Charge / scee[t.kind],
			Sigma: sigma, Epsilon: epsilon / scnb[t.kind],
		})
	}
}

// addModified adds an exception for each pair of atoms whose types have coefficients of their own.
func (f *amberFile) addModified(nb *Nonbonded, l *lennardJones, types []int, excluded []excludedAtoms) {
	own := make([]bool, l.types*l.types)
	some := false
	for i := range l.types {
		for j := range l.types {
			own[i*l.types+j] = l.modified(i, j)
			some = some || own[i*l.types+j]
		}
	}
	if !some {
		return
	}
	for i := range nb.Atoms {
		for j := i + 1; j < len(nb.Atoms); j++ {
			if !own[types[i]*l.types+types[j]] || excluded[i].has[j] {
				continue
			}
			sigma, epsilon, ok := ljForm(l.at(types[i], types[j]))
			if !ok {
				f.refuseForm(types[i], types[j])
				continue
			}
			nb.Exceptions = append(nb.Exceptions, Exception{
				I: i, J: j, Charge: nb.Atoms[i].Charge * nb.Atoms[j].Charge, Sigma: sigma, Epsilon: epsilon,
			})
		}
	}
}
