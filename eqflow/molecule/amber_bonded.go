package molecule

import (
	"fmt"
	"slices"
)

// amberTerm is a term by its atoms and its type.
type amberTerm struct {
	atoms    [4]int
	kind     int  // from 0
	outside  bool // the third number is negative: the outer atoms are no 1-4 pair by this term
	improper bool // the fourth number is negative
}

// terms reads the two lists of terms of one form: those with and those without hydrogen. Each has
// the atoms' numbers times three, and the type.
func (f *amberFile) terms(form, plural string, counts [2]string, kinds string, width int) (terms []amberTerm) {
	for k, name := range []string{plural + "_INC_HYDROGEN", plural + "_WITHOUT_HYDROGEN"} {
		values := f.ints(name, (width+1)*f.pointers[counts[k]])
		for at := 0; at+width < len(values); at += width + 1 {
			t := amberTerm{kind: values[at+width] - 1}
			for c, v := range values[at : at+width] {
				if v < 0 && form == "torsion" && c == 2 {
					t.outside = true
				} else if v < 0 && form == "torsion" && c == 3 {
					t.improper = true
				} else if v < 0 {
					f.failf(name, "%s %d names the atom %d; copy the file again", form, at/(width+1)+1, v)
					return nil
				}
				if v = max(v, -v); v%3 != 0 || v/3 >= f.pointers["NATOM"] {
					f.failf(name, "%s %d names %d, which is not three times the number of an atom; copy the file again",
						form, at/(width+1)+1, v)
					return nil
				}
				t.atoms[c] = v / 3
			}
			if t.kind < 0 || t.kind >= f.pointers[kinds] {
				f.failf(name, "%s %d has the type %d, and %s counts %d; copy the file again",
					form, at/(width+1)+1, t.kind+1, kinds, f.pointers[kinds])
				return nil
			}
			if !distinct(t.atoms[:width]) {
				f.failf(name, "%s %d names an atom twice; copy the file again", form, at/(width+1)+1)
				return nil
			}
			terms = append(terms, t)
		}
	}
	return terms
}

// distinct reports whether no atom stands twice.
func distinct(atoms []int) bool {
	for k, a := range atoms {
		if slices.Contains(atoms[:k], a) {
			return false
		}
	}
	return true
}

func (f *amberFile) readBonds(s *System) {
	count := f.pointers["NUMBND"]
	k, length := f.floats("BOND_FORCE_CONSTANT", count), f.floats("BOND_EQUIL_VALUE", count)
	terms := f.terms("bond", "BONDS", [2]string{"NBONH", "MBONA"}, "NUMBND", 2)
	if f.err != nil {
		return
	}
	var bonds Bonds
	for _, t := range terms {
		bonds = append(bonds, Bond{
			I: t.atoms[0], J: t.atoms[1], Length: length[t.kind] * perAngstrom,
			K: 2 * k[t.kind] * perKilocalorie / (perAngstrom * perAngstrom), // Amber's terms have no ½
		})
	}
	s.addForce("HarmonicBondForce", bonds)
}

func (f *amberFile) readAngles(s *System) {
	count := f.pointers["NUMANG"]
	k, theta := f.floats("ANGLE_FORCE_CONSTANT", count), f.floats("ANGLE_EQUIL_VALUE", count)
	terms := f.terms("angle", "ANGLES", [2]string{"NTHETH", "MTHETA"}, "NUMANG", 3)
	if f.err != nil {
		return
	}
	var angles Angles
	for _, t := range terms {
		angles = append(angles, Angle{
			I: t.atoms[0], J: t.atoms[1], K: t.atoms[2], Theta: theta[t.kind], C: 2 * k[t.kind] * perKilocalorie,
		})
	}
	s.addForce("HarmonicAngleForce", angles)
}

// torsionTerms reads the torsions, of which some make 1-4 pairs too.
func (f *amberFile) torsionTerms() []amberTerm {
	return f.terms("torsion", "DIHEDRALS", [2]string{"NPHIH", "MPHIA"}, "NPTRA", 4)
}

// readTorsions reads proper and improper torsions, which have one form.
func (f *amberFile) readTorsions(s *System) {
	count := f.pointers["NPTRA"]
	k, phase := f.floats("DIHEDRAL_FORCE_CONSTANT", count), f.floats("DIHEDRAL_PHASE", count)
	period := f.floats("DIHEDRAL_PERIODICITY", count)
	terms := f.torsionTerms()
	if f.err != nil {
		return
	}
	var torsions Torsions
	for _, t := range terms {
		n := int(period[t.kind])
		if float64(n) != period[t.kind] || n < 0 || n > 64 {
			f.failf("DIHEDRAL_PERIODICITY", "%g is no whole number from 0 to 64; correct the file", period[t.kind])
			return
		}
		torsions = append(torsions, Torsion{
			Atoms: t.atoms, Periodicity: n, Phase: phase[t.kind], K: k[t.kind] * perKilocalorie,
		})
	}
	s.addForce("PeriodicTorsionForce", torsions)
}

// readMaps reads the maps of ff19SB, if there are any.
func (f *amberFile) readMaps(s *System) {
	if !f.has("CMAP_COUNT") {
		return
	}
	counts := f.ints("CMAP_COUNT", 2)
	if f.err == nil && min(counts[0], counts[1]) < 0 {
		f.failf("CMAP_COUNT", "counts %d terms and %d maps; copy the file again", counts[0], counts[1])
	}
	if f.err != nil {
		return
	}
	terms, maps := counts[0], counts[1]
	sizes, index := f.ints("CMAP_RESOLUTION", maps), f.ints("CMAP_INDEX", 6*terms)
	out := &Maps{}
	for k := 0; k < maps && f.err == nil; k++ {
		out.Grids = append(out.Grids, f.readMap(k, sizes[k]))
	}
	for at := 0; at < len(index) && f.err == nil; at += 6 {
		t := MapTorsion{Grid: index[at+5] - 1}
		for c, v := range index[at : at+5] {
			if v < 1 || v > f.pointers["NATOM"] {
				f.failf("CMAP_INDEX", "term %d names the atom %d of %d; copy the file "+
					"again", at/6+1, v, f.pointers["NATOM"])
				return
			}
			if c < 4 {
				t.A[c] = v - 1
			}
			if c > 0 {
				t.B[c-1] = v - 1
			}
		}
		if t.Grid < 0 || t.Grid >= maps || !distinct(t.A[:]) || !distinct(t.B[:]) {
			f.failf("CMAP_INDEX", "term %d has the map %d of %d, or names an atom twice; copy the file again",
				at/6+1, t.Grid+1, maps)
			return
		}
		out.Torsions = append(out.Torsions, t)
	}
	if f.err == nil {
		s.addForce("CMAPTorsionForce", out)
	}
}

// readMap reads one map. Amber's begins at −180° and has the second angle running fastest; a
// Grid begins at 0° and has the first.
func (f *amberFile) readMap(k, size int) (g Grid) {
	name := fmt.Sprintf("CMAP_PARAMETER_%02d", k+1)
	if size < 2 || size > 360 {
		f.failf("CMAP_RESOLUTION", "%d is no number of points from 2 to 360; copy the file again", size)
		return g
	}
	values := f.floats(name, size*size)
	if f.err != nil {
		return g
	}
	g = Grid{Size: size, Energy: make([]float64, size*size)}
	for a := range size {
		for b := range size {
			from := size*((a+size/2)%size) + (b+size/2)%size
			g.Energy[a+size*b] = values[from] * perKilocalorie
		}
	}
	return g
}

// addForce appends a force with the name that OpenMM gives it.
func (s *System) addForce(kind string, terms Terms) {
	s.Forces = append(s.Forces, Force{Name: kind, Type: kind, Terms: terms})
}
