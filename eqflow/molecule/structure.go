package molecule

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Structure holds the names of a molecule's atoms and one or more configurations, as a PDB file
// does.
type Structure struct {
	Atoms []Atom
	// Models are the configurations [models, n, 3], in nm.
	Models particle.Batch
	// Bonds are the pairs i < j of the CONECT records, ascending.
	Bonds [][2]int
}

// Atom has the names of one atom.
type Atom struct {
	Name    string `json:"name"`    // such as CA
	Element string `json:"element"` // such as C
	Residue string `json:"residue"` // such as ALA
	Number  int    `json:"number"`  // of the residue, in its chain
	Insert  string `json:"insert,omitempty"`
	Chain   string `json:"chain"`
}

// String returns the name, the residue and its number.
func (a Atom) String() string {
	return fmt.Sprintf("%s %s %d%s", a.Name, a.Residue, a.Number, a.Insert)
}

// ReadStructure reads a structure of the System: a PDB file, or an Amber coordinate file, whose
// atoms have the names of the System's own file.
func (s *System) ReadStructure(path string) (*Structure, error) {
	if !IsRestart(path) {
		return ReadPDB(path)
	}
	x, err := ReadRestart(path, s.Atoms())
	if err != nil {
		return nil, err
	}
	if s.Names == nil {
		return nil, inputErrorf("%s: an Amber coordinate file has no names of atoms, and neither has an %s; give a "+
			"PDB file", path, Formats[0].File)
	}
	t := &Structure{Atoms: slices.Clone(s.Names), Models: x}
	for i, e := range s.Elements() {
		t.Atoms[i].Element = e
	}
	return t, nil
}

// Attach gives the System the names of a structure, after it has checked that the structure is of
// this molecule: the number of atoms, the elements against the masses, the CONECT records against
// the bonds, and the bond lengths of the first model.
func (s *System) Attach(t *Structure) error {
	if err := s.matches(t); err != nil {
		return err
	}
	s.Structure = t
	return nil
}

func (s *System) matches(t *Structure) error {
	if len(t.Atoms) != s.Atoms() {
		return inputErrorf("the structure has %d atoms and the system %d; give the structure that the system was "+
			"made from", len(t.Atoms), s.Atoms())
	}
	for i, m := range s.naturalMasses() {
		want, known := massOf(t.Atoms[i].Element)
		if known && m != 0 && math.Abs(m-want) > massTolerance {
			of := elementOf(m)
			if of == "" {
				of = "no element known here"
			}
			return inputErrorf("atom %d is %s (%s) in the structure, but its mass in the system is %.4g, which is %s; "+
				"give the structure with the atoms in the system's order", i, t.Atoms[i], t.Atoms[i].Element, m, of)
		}
	}
	bonds := s.Bonds()
	for _, b := range t.Bonds {
		if _, found := slices.BinarySearchFunc(bonds, b, comparePairs); !found && len(bonds) > 0 {
			return inputErrorf("the structure has a bond (CONECT) between atom %d (%s) and atom %d (%s), and the "+
				"system none; give the structure that the system was made from",
				b[0], t.Atoms[b[0]], b[1], t.Atoms[b[1]])
		}
	}
	if err := s.CheckLengths(t.Models); err != nil {
		return err
	}
	for _, b := range s.bondLengths() {
		if r := particle.Distance(t.Models.At(0), 3, b.I, b.J); r > longestBond*b.Length {
			return inputErrorf("atom %d (%s) and atom %d (%s) are bonded with %.3g nm in the system, but %.3g nm "+
				"apart in the structure; give the structure with the atoms in the system's order",
				b.I, t.Atoms[b.I], b.J, t.Atoms[b.J], b.Length, r)
		}
	}
	return nil
}

// longestBond is how many times as long as at rest a bond of a structure may be. Thermal motion
// changes bonds by some per cent; atoms in another order, mostly by more than half.
const longestBond = 1.5

// SameAs returns an error that says where the names of two structures differ, nil if they are
// equal.
func (t *Structure) SameAs(other *Structure) error {
	if len(t.Atoms) != len(other.Atoms) {
		return inputErrorf("one structure has %d atoms, the other %d", len(t.Atoms), len(other.Atoms))
	}
	for i, a := range t.Atoms {
		if b := other.Atoms[i]; a.Name != b.Name || a.Residue != b.Residue || a.Element != b.Element {
			return inputErrorf("atom %d is %s in one structure and %s in the other; give the atoms in the "+
				"same order", i, a, b)
		}
	}
	return nil
}

// CheckLengths returns an error if the bond lengths of the first configuration show that it is in
// another unit than nm, or that its atoms are in another order than the system's.
func (s *System) CheckLengths(x particle.Batch) error {
	lengths := s.bondLengths()
	if x.Len() == 0 || len(lengths) == 0 {
		return nil
	}
	ratios := make([]float64, len(lengths))
	worst := 0
	for k, b := range lengths {
		ratios[k] = particle.Distance(x.At(0), 3, b.I, b.J) / b.Length
		if math.Abs(math.Log(ratios[k])) > math.Abs(math.Log(ratios[worst])) {
			worst = k
		}
	}
	w := lengths[worst]
	sorted := slices.Sorted(slices.Values(ratios))
	switch median := sorted[len(sorted)/2]; {
	case median > 5 && median < 20:
		return inputErrorf("the bonds are %.3g times as long as the system's: the coordinates seem to be in angstrom, "+
			"not in nm; divide them by 10", median)
	case median > 0.05 && median < 0.2:
		return inputErrorf("the bonds are %.3g times as long as the system's: the coordinates seem to be in nm where "+
			"angstrom is expected; multiply them by 10", median)
	case median > 2 || median < 0.5:
		return inputErrorf("the bonds are %.3g times as long as the system's, such as that of %s and %s with %.3g nm; "+
			"the atoms may be in another order, or the coordinates in another unit",
			median, s.Label(w.I), s.Label(w.J), ratios[worst]*w.Length)
	}
	return nil
}

// bondLengths returns the bonds and constraints with a length of their own.
func (s *System) bondLengths() Bonds {
	var out Bonds
	for _, f := range s.Forces {
		if bonds, ok := f.Terms.(Bonds); ok {
			for _, b := range bonds {
				if b.Length > 0 {
					out = append(out, b)
				}
			}
		}
	}
	for _, c := range s.Constraints {
		if c.Length > 0 {
			out = append(out, Bond{I: c.I, J: c.J, Length: c.Length})
		}
	}
	return out
}
