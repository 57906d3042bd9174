package molecule

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The units of Amber's files.
const (
	perKilocalorie  = 4.184   // kJ/mol
	amberChargeUnit = 18.2223 // √(332.05 kcal/mol Å) of one e
)

// parseAmber reads an Amber topology (prmtop) of Amber 7 or later. The file holds the radii of
// implicit solvents and not which solvent is meant: Options names it. Cutoffs and constraints
// belong to Amber's input files, so that the System has none.
func parseAmber(data []byte, o Options) (*System, error) {
	f, err := splitAmber(data)
	if err != nil {
		return nil, err
	}
	f.refuseSections()
	sum := sha256.Sum256(data)
	s := &System{
		Format: amberFormat, SHA256: hex.EncodeToString(sum[:]), Title: f.title("TITLE"), Radii: f.title("RADIUS_SET"),
	}
	f.readPointers()
	for _, read := range []func(*System){
		f.readAtoms, f.readBonds, f.readAngles, f.readTorsions, f.readMaps, f.readPairs,
		func(s *System) { f.readSolvent(s, o.Solvent) },
	} {
		if f.err == nil {
			read(s)
		}
	}
	s.Refusals = f.refusals
	if f.err != nil && len(f.refusals) > 0 { // the file's other parts may have another layout
		return nil, errors.New(strings.TrimPrefix(s.refusal().Error(), "molecule: "))
	}
	if f.err != nil {
		return nil, f.err
	}
	return s, nil
}

// amberIgnored are the sections that leave the energy as it is, or that others make redundant.
var amberIgnored = []string{
	"TITLE", "SOLTY", "TREE_CHAIN_CLASSIFICATION", "JOIN_ARRAY", "IROTAT", "HBCUT", "RADIUS_SET", "BOX_DIMENSIONS",
	"SOLVENT_POINTERS", "ATOMS_PER_MOLECULE", "CAP_INFO", "CAP_INFO2", "POLARIZABILITY", "ATOM_NUMBER", "ATOM_ELEMENT",
	"ATOM_BFACTOR", "ATOM_OCCUPANCY", "RESIDUE_NUMBER", "RESIDUE_CHAINID", "RESIDUE_ICODE",
}

// amberRead are the sections that readers take. Some are needed by some systems alone.
var amberRead = []string{
	"POINTERS", "ATOM_NAME", "CHARGE", "ATOMIC_NUMBER", "MASS", "ATOM_TYPE_INDEX", "NUMBER_EXCLUDED_ATOMS",
	"NONBONDED_PARM_INDEX", "RESIDUE_LABEL", "RESIDUE_POINTER", "BOND_FORCE_CONSTANT", "BOND_EQUIL_VALUE",
	"ANGLE_FORCE_CONSTANT", "ANGLE_EQUIL_VALUE", "DIHEDRAL_FORCE_CONSTANT", "DIHEDRAL_PERIODICITY", "DIHEDRAL_PHASE",
	"SCEE_SCALE_FACTOR", "SCNB_SCALE_FACTOR", "LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF", "BONDS_INC_HYDROGEN",
	"BONDS_WITHOUT_HYDROGEN", "ANGLES_INC_HYDROGEN", "ANGLES_WITHOUT_HYDROGEN", "DIHEDRALS_INC_HYDROGEN",
	"DIHEDRALS_WITHOUT_HYDROGEN", "EXCLUDED_ATOMS_LIST", "HBOND_ACOEF", "HBOND_BCOEF", "AMBER_ATOM_TYPE", "RADII",
	"SCREEN", "IPOL", "CMAP_COUNT", "CMAP_RESOLUTION", "CMAP_INDEX",
}

// amberRefused are the sections that are refused, by the beginnings of their names.
var amberRefused = []struct{ prefix, what, needs string }{
	{"CTITLE", "a CHAMBER topology (CTITLE)", chamberNeeds},
	{"FORCE_FIELD_TYPE", "a CHAMBER topology (FORCE_FIELD_TYPE)", chamberNeeds},
	{"CHARMM_", "a CHAMBER topology (CHARMM_ sections)", chamberNeeds},
	{"LENNARD_JONES_14_", "a CHAMBER topology (LENNARD_JONES_14_ sections)", chamberNeeds},
	{"AMOEBA_", "an AMOEBA topology", "induced dipoles would have to be solved for; use a fixed-charge force field"},
	{"DIPOLE_DAMP_FACTOR", "a polarisable topology (DIPOLE_DAMP_FACTOR)", polarNeeds},
	{"LENNARD_JONES_CCOEF", "a 12-6-4 potential (LENNARD_JONES_CCOEF)",
		"terms in r⁻⁴ between ions and atoms; use a 12-6 force field"},
	{"LES_", "locally enhanced sampling (LES)", lesNeeds},
	{"PERT_", "a perturbed topology", pertNeeds},
}

const (
	chamberNeeds = "Urey-Bradley terms, harmonic impropers and Lennard-Jones terms of their own for 1-4 pairs; " +
		"write an OpenMM System file and give it by --openmm, or use an Amber force field"
	polarNeeds = "induced dipoles would have to be solved for; use a fixed-charge force field"
	lesNeeds   = "several copies of some atoms, with scaled interactions; write the topology without addles"
	pertNeeds  = "two energies and a mixture of both; write the topology of one state alone"
)

// refuseSections refuses the sections that change the energy and are not read.
func (f *amberFile) refuseSections() {
	for _, name := range f.order {
		known := slices.Contains(amberIgnored, name) || slices.Contains(amberRead, name) ||
			strings.HasPrefix(name, "CMAP_PARAMETER_")
		for _, r := range amberRefused {
			if !known && strings.HasPrefix(name, r.prefix) {
				f.refuse(r.what, r.needs)
				known = true
			}
		}
		if !known {
			f.refuse("the section "+strings.ToValidUTF8(shorten(name), "?"),
				"its meaning is unknown here; remove the section if it leaves the energy as it is")
		}
	}
}

// amberPointers are the names of the numbers in the section POINTERS. NUMEXTRA and NCOPY may be
// absent.
var amberPointers = strings.Fields(`NATOM NTYPES NBONH MBONA NTHETH MTHETA NPHIH MPHIA NHPARM NPARM NEXT NRES NBONA
	NTHETA NPHIA NUMBND NUMANG NPTRA NATYP NPHB IFPERT NBPER NGPER NDPER MBPER MGPER MDPER IFBOX NMXRS IFCAP NUMEXTRA
	NCOPY`)

// amberModes are the pointers that must be zero, and what another value stands for.
var amberModes = []struct{ pointer, what, needs string }{
	{"IFPERT", "a perturbed topology (IFPERT)", pertNeeds},
	{"IFBOX", "a periodic box (IFBOX)", "Ewald sums and nearest images; write the topology of the molecule alone, " +
		"without a box, such as from tleap without solvateBox"},
	{"IFCAP", "a cap of solvent (IFCAP)", "a force at the cap's surface; write the topology without solvateCap"},
	{"NPARM", "locally enhanced sampling (NPARM)", lesNeeds},
	{"NUMEXTRA", "extra points (NUMEXTRA)",
		"their places must follow from other particles; use a model without extra points"},
}

// readPointers reads the section POINTERS.
func (f *amberFile) readPointers() {
	f.pointers = map[string]int{}
	values := f.ints("POINTERS", -1)
	if f.err != nil {
		return
	}
	if n := len(values); n < 30 || n > len(amberPointers) {
		f.failf("POINTERS", "holds %d values, not 30 to %d; the file is cut short or edited; copy it again",
			n, len(amberPointers))
		return
	}
	for k, v := range values {
		if v < 0 {
			f.failf("POINTERS", "%s is %d, which counts nothing; copy the file again", amberPointers[k], v)
			return
		}
		f.pointers[amberPointers[k]] = v
	}
	for _, m := range amberModes {
		if f.pointers[m.pointer] > 0 {
			f.refuse(fmt.Sprintf("%s = %d)", strings.TrimSuffix(m.what, ")"), f.pointers[m.pointer]), m.needs)
		}
	}
	for _, pair := range [][2]string{{"NBONA", "MBONA"}, {"NTHETA", "MTHETA"}, {"NPHIA", "MPHIA"}} {
		if f.pointers[pair[0]] != f.pointers[pair[1]] {
			f.refuse("a constraint of the old parm program ("+pair[0]+" ≠ "+pair[1]+")",
				"terms that stand outside the force field; write the file again with tleap")
		}
	}
	if f.pointers["NCOPY"] > 1 {
		f.refuse("copies of atoms (NCOPY)", lesNeeds)
	}
	if f.pointers["NATOM"] == 0 || f.pointers["NTYPES"] == 0 {
		f.failf("POINTERS", "counts no atoms; give the topology of a molecule")
	}
}

// readAtoms reads the masses, the names and the elements.
func (f *amberFile) readAtoms(s *System) {
	n := f.pointers["NATOM"]
	s.Masses = f.floats("MASS", n)
	names, residues := f.texts("ATOM_NAME", n), f.texts("RESIDUE_LABEL", f.pointers["NRES"])
	first := f.ints("RESIDUE_POINTER", f.pointers["NRES"])
	var numbers []int
	if f.has("ATOMIC_NUMBER") {
		numbers = f.ints("ATOMIC_NUMBER", n)
	}
	if f.has("IPOL") {
		if ipol := f.ints("IPOL", -1); len(ipol) > 0 && ipol[0] != 0 {
			f.refuse(fmt.Sprintf("a polarisable topology (IPOL = %d)", ipol[0]), polarNeeds)
		}
	}
	if f.err != nil {
		return
	}
	if len(first) == 0 || first[0] != 1 || !slices.IsSorted(first) || first[len(first)-1] > n {
		f.failf("RESIDUE_POINTER", "is no ascending list of atoms from 1 to %d; copy the file again", n)
		return
	}
	residue := 0
	for i, m := range s.Masses {
		if residue+1 < len(first) && i+1 >= first[residue+1] {
			residue++
		}
		if m < 0 || math.IsInf(m, 0) {
			f.failf("MASS", "the mass %g of atom %d is negative; correct the file", m, i)
			return
		}
		a := Atom{
			Name: strings.ToValidUTF8(names[i], "?"), Residue: strings.ToValidUTF8(residues[residue], "?"),
			Number: residue + 1, Chain: "A",
		}
		if numbers != nil {
			a.Element = elementNumbered(numbers[i])
		}
		s.Names = append(s.Names, a)
	}
	for i, m := range s.Masses {
		if m == 0 {
			f.refuse("an extra point ("+s.Names[i].Name+", without a mass)",
				"its place must follow from other particles; use a model without extra points")
		}
	}
}
