package molecule

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// amberSystems are the topologies in testdata, which testdata/make_amber.py wrote with tleap, and
// the solvents for which there are reference values.
var amberSystems = map[string][]string{
	"amber-ff96":   {"none", "hct", "obc1", "obc2", "gbn", "gbn2"},
	"amber-ff19sb": {"none", "obc2", "gbn2"}, // has a map (CMAP)
	"amber-rna":    {"gbn", "gbn2"},          // has constants of nucleic acids, and phosphorus
	"amber-nbfix":  {"none", "obc1"},         // has a pair of types with coefficients of its own
}

// openAmber returns the engine of a topology in a solvent.
func openAmber(t testing.TB, name, solvent string, precision Precision) Engine {
	t.Helper()
	s, err := Read(filepath.Join("testdata", name+".prmtop"), Options{Solvent: solvent})
	if err != nil {
		t.Fatal(err)
	}
	e, err := NewEngine(s, Options{}, precision)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Energies by force and forces are those of OpenMM's AmberPrmtopFile on its Reference platform, in
// Go and in C, from minima to steep walls. Both compute in float64, so that only the order of sums
// and the digits of the files' NBFIX coefficients differ.
func TestAmberAgreesWithOpenMM(t *testing.T) {
	for name, solvents := range amberSystems {
		path := filepath.Join("testdata", name+".npz")
		arrays, err := dataset.ReadArrays(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, solvent := range solvents {
			e := openAmber(t, name, solvent, Double)
			set, err := dataset.Read(path, e.System().Atoms(), 3)
			if err != nil {
				t.Fatal(err)
			}
			set.Arrays = arrays
			plain, err := NewPotential(e.System(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range []Engine{e, plain} {
				got, err := Evaluate(t.Context(), e, set.Batch, nil)
				if err != nil {
					t.Fatal(err)
				}
				checkAmber(t, name+" in "+solvent, got, set, solvent)
			}
		}
	}
}

// checkAmber compares energies with the reference, the coefficients of NBFIX to seven digits.
func checkAmber(t *testing.T, what string, got Energies, set dataset.Set, solvent string) {
	t.Helper()
	const tolerance = 1e-7
	terms := len(got.ByForce) / len(got.Total)
	want := array(t, set, "by_force_"+solvent)
	if len(want) != len(got.ByForce) {
		t.Fatalf("%s: %d energies, want %d", what, len(got.ByForce), len(want))
	}
	for k, w := range want {
		if math.Abs(got.ByForce[k]-w) > tolerance*max(1, math.Abs(w)) {
			t.Errorf("%s: force %d of configuration %d has %.12g kJ/mol, want %.12g", what, k%terms, k/terms,
				got.ByForce[k], w)
		}
	}
	energy, forces, width := array(t, set, "energy_"+solvent), array(t, set, "forces_"+solvent), 3*set.Batch.N
	for i, w := range energy {
		off := relative(got.Forces[i*width:(i+1)*width], forces[i*width:(i+1)*width])
		if math.Abs(got.Total[i]-w) > tolerance*max(1, math.Abs(w)) || off > tolerance {
			t.Errorf("%s: configuration %d has %.12g kJ/mol, want %.12g; forces differ by "+
				"%.1e", what, i, got.Total[i], w, off)
		}
	}
}

// editedAmber returns a topology in which each old text is replaced by the new one, once.
func editedAmber(t testing.TB, oldNew ...string) string {
	t.Helper()
	return edited(t, "amber-ff96.prmtop", oldNew...)
}

// without returns a topology without a section.
func without(t testing.TB, content, section string) string {
	t.Helper()
	from := strings.Index(content, "%FLAG "+section+" ")
	if from < 0 {
		t.Fatalf("there is no section %s", section)
	}
	to := strings.Index(content[from+1:], "%FLAG ")
	if to < 0 {
		return content[:from]
	}
	return content[:from] + content[from+1+to:]
}

// Files of other editors and of older programs have the same energies: with other ends of lines,
// with blanks cut off, in lower case, with comments, and without the sections that came later.
func TestAmberVariants(t *testing.T) {
	whole := text(t, "amber-ff96.prmtop")
	trimmed := strings.Split(whole, "\n")
	lower := slices.Clone(trimmed)
	for k, line := range trimmed {
		trimmed[k] = strings.TrimRight(line, " ")
		if strings.HasPrefix(line, "%F") {
			lower[k] = strings.ToLower(line)
		}
	}
	older := without(t, without(t, without(t, whole, "SCEE_SCALE_FACTOR"), "SCNB_SCALE_FACTOR"), "ATOMIC_NUMBER")
	content := text(t, "amber-ff96.inpcrd")
	x, err := parseRestart([]byte(content), 22)
	if err != nil {
		t.Fatal(err)
	}
	var want float64
	for k, variant := range []string{
		whole, strings.ReplaceAll(whole, "\n", "\r\n"), strings.Join(trimmed, "\n"), strings.Join(lower, "\n"), older,
		strings.Replace(whole, "%FORMAT(5E16.8)", "%COMMENT partial charges\n%FORMAT(5E16.8)", 1),
		strings.Replace(whole, "E+00", "D+00", 3),
	} {
		s, err := Parse([]byte(variant), Options{Format: "amber", Solvent: "GBn2"})
		if err != nil {
			t.Fatalf("variant %d: %v", k, err)
		}
		p, err := NewPotential(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		e, err := p.Energy(x.X, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			want = e
		}
		if e != want || s.Formula() != "C6 H12 N2 O2" || s.names()[8].String() != "CA ALA 2" {
			t.Errorf("variant %d has %.12g kJ/mol, want %.12g, and is %s", k, e, want, s.Formula())
		}
	}
}

// A part that changes the energy and is not supported is refused by its name, in one line.
func TestAmberRefusals(t *testing.T) {
	last := "%FLAG IPOL                                                                      \n" +
		"%FORMAT(1I8)                                                                    \n       0"
	section := func(name string) []string {
		return []string{last, last + "\n%FLAG " + name + "\n%FORMAT(10I8)\n       1"}
	}
	mode := func(oldLine, newLine string) []string { return []string{oldLine, newLine} }
	const second = "      99       3       9      11      17       8      16      13       7       0"
	const third = "       0       0       0       0       0       0       0       0      10       0\n       0"
	for want, edits := range map[string][]string{
		"a CHAMBER topology (CTITLE)":             {"%FLAG TITLE ", "%FLAG CTITLE "},
		"a CHAMBER topology (FORCE_FIELD_TYPE)":   section("FORCE_FIELD_TYPE"),
		"a CHAMBER topology (CHARMM_ sections)":   section("CHARMM_UREY_BRADLEY_COUNT"),
		"an AMOEBA topology":                      section("AMOEBA_FORCEFIELD"),
		"a 12-6-4 potential":                      section("LENNARD_JONES_CCOEF"),
		"locally enhanced sampling (LES)":         section("LES_NTYP"),
		"the section FANCY_TERM":                  section("FANCY_TERM"),
		"a polarisable topology (IPOL = 1)":       {last, strings.Replace(last, "       0", "       1", 1)},
		"a polarisable topology (DIPOLE_DAMP_FAC": section("DIPOLE_DAMP_FACTOR"),
		"a perturbed topology (IFPERT = 1)":       mode(third, strings.Replace(third, "       0", "       1", 1)),
		"a periodic box (IFBOX = 2)": mode(third,
			"       0       0       0       0       0       0       0       2      10       0\n       0"),
		"a cap of solvent (IFCAP = 1)": mode(third,
			"       0       0       0       0       0       0       0       0      10       1\n       0"),
		"extra points (NUMEXTRA = 3)": mode(third,
			"       0       0       0       0       0       0       0       0      10       0\n       3"),
		"constraint of the old parm program (NBONA": mode(second, strings.Replace(second, "       9", "       8", 1)),
		"locally enhanced sampling (NPARM = 1)": mode("      35      17       0       0",
			"      35      17       0       1"),
		"the Lennard-Jones term of the types 1 and 1": {"  7.51607703E+03", "  0.00000000E+00"},
		"an extra point (HH31": mode("%FLAG MASS                                                                     "+
			" \n%FORMAT(5E16.8)                                                                 \n  1.00800000E+00",
			"%FLAG MASS\n%FORMAT(5E16.8)\n  0.00000000E+00"),
	} {
		s, err := Parse([]byte(editedAmber(t, edits...)), Options{Solvent: "obc1"})
		if err == nil {
			_, err = NewPotential(s, Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// patched returns a topology in whose section the first old text is replaced by the new one.
func patched(t testing.TB, section, old, replaced string) string {
	t.Helper()
	whole := text(t, "amber-ff96.prmtop")
	from := strings.Index(whole, "%FLAG "+section+" ")
	if from < 0 || !strings.Contains(whole[from:], old) {
		t.Fatalf("section %s does not contain %q", section, old)
	}
	return whole[:from] + strings.Replace(whole[from:], old, replaced, 1)
}

// A damaged file is an error in one line that names the section.
func TestAmberDamage(t *testing.T) {
	for _, c := range []struct{ want, section, old, replaced string }{
		{"CHARGE: line 17 ends within a field", "CHARGE", "  1.08823576E+01\n", "  1.08823576E+\n"},
		{"%FORMAT(10I8), which is none of numbers", "CHARGE", "(5E16.8)", "(10I8)"},
		{"%FORMAT(5E16.8), which is none of whole numb", "BONDS_INC_HYDROGEN", "(10I8)", "(5E16.8)"},
		{"%FORMAT(5Q16.8) is none such as", "CHARGE", "(5E16.8)", "(5Q16.8)"},
		{"%FORMAT(0E16.8) is none such as", "CHARGE", "(5E16.8)", "(0E16.8)"},
		{"%FORMAT5E16.8 is none such as", "CHARGE", "(5E16.8)", "5E16.8"},
		{"line 17 has 80 columns, and %FORMAT(4E16.8) 64", "CHARGE", "(5E16.8)", "(4E16.8)"},
		{"section CHARGE: has no %FORMAT", "CHARGE", "%FORMAT(5E16.8) ", "%COMMENT"},
		{`section "CHARGE" stands twice`, "MASS", "%FLAG MASS ", "%FLAG CHARGE "},
		{`"******" has overflowed`, "CHARGE", "  2.04636429E+00", "          ******"},
		{`"nan" is not a finite number`, "CHARGE", "  2.04636429E+00", "             nan"},
		{`"2.04636429E+999" is not a finite number`, "CHARGE", "  2.04636429E+00", " 2.04636429E+999"},
		{"holds a tab", "CHARGE", "  2.04636429E+00", "\t 2.04636429E+00"},
		{`"1.5" is no whole number`, "ATOM_TYPE_INDEX", "       1", "     1.5"},
		{"ATOM_NAME: name 20 is blank", "ATOM_NAME", "HH32HH33", "HH32"},
		{"ATOM_NAME: name 2 is blank", "ATOM_NAME", "HH31CH3 ", "HH31    "},
		{"MASS: holds 22 values, and 23 belong", "POINTERS", "      22", "      23"},
		{"BONDS_INC_HYDROGEN: holds 36 values, and 39", "POINTERS", "      12", "      13"},
		{"POINTERS: NATOM is -22", "POINTERS", "      22", "     -22"},
		{"POINTERS: counts no atoms", "POINTERS", "      22", "       0"},
		{"POINTERS: holds 28 values", "POINTERS", "      10       0\n       0\n", "\n"},
		{"the 1-4 pair of the atoms 0 and 6 is not in it", "EXCLUDED_ATOMS_LIST", "       7", "       8"},
		{"EXCLUDED_ATOMS_LIST: atom 0 excludes the atom", "EXCLUDED_ATOMS_LIST", "       3", "       2"},
		{"EXCLUDED_ATOMS_LIST: holds 1 atoms more", "NUMBER_EXCLUDED_ATOMS", "       1       1\n", "       1       " +
			"0\n"},
		{"is not three times the number of an atom", "BONDS_INC_HYDROGEN", "       6", "       7"},
		{"bond 1 names 66, which is not three times", "BONDS_INC_HYDROGEN", "       6", "      66"},
		{"bond 1 names the atom -6", "BONDS_INC_HYDROGEN", "       6", "      -6"},
		{"bond 1 has the type 99, and NUMBND counts 8", "BONDS_INC_HYDROGEN", "       3       6       3",
			"       3       6      99"},
		{"bond 1 names an atom twice", "BONDS_INC_HYDROGEN", "       6", "       3"},
		{"NONBONDED_PARM_INDEX: the entry 29", "NONBONDED_PARM_INDEX", "       1", "      29"},
		{"NONBONDED_PARM_INDEX: the entry 3 of types 1", "NONBONDED_PARM_INDEX", "       2", "       3"},
		{"RESIDUE_POINTER: is no ascending list", "RESIDUE_POINTER", "       1", "       2"},
		{"RADII: the radius of atom 0, 0 Å, is not above", "RADII", "  1.20000000E+00", "  0.00000000E+00"},
		{"DIHEDRAL_PERIODICITY: 2.5 is no whole number", "DIHEDRAL_PERIODICITY", "  2.00000000E+00", "  " +
			"2.50000000E+00"},
		{"torsion type 1 divides 1-4 energies by 0", "SCEE_SCALE_FACTOR", "  1.20000000E+00", "  0.00000000E+00"},
		{"MASS: the mass -1.008 of atom 0", "MASS", "  1.00800000E+00", " -1.00800000E+00"},
	} {
		checkDamage(t, patched(t, c.section, c.old, c.replaced), "hct", c.want)
	}
}

// A file that is no topology, lacks a section or cannot have the solvent is an error.
func TestAmberAbsences(t *testing.T) {
	whole := text(t, "amber-ff96.prmtop")
	checkDamage(t, "%VERSION\n", "", "the file is empty")
	checkDamage(t, "old title\n  22 7\n"+whole, "", "does not begin with %VERSION")
	checkDamage(t, "%FLAG \x00", "", "the file is not text")
	for _, section := range []string{"CHARGE", "RADII", "POINTERS", "LENNARD_JONES_BCOEF", "EXCLUDED_ATOMS_LIST"} {
		checkDamage(t, without(t, whole, section), "obc1", "section "+section+": is absent; the file is cut short")
	}
	checkDamage(t, whole, "obc3", `the solvent "obc3" is unknown; give one of none, hct, obc1, obc2, gbn, gbn2`)
	small := patched(t, "RADII", "  1.20000000E+00", "  8.00000000E-01")
	checkDamage(t, small, "gbn", "RADII: the radius of atom 0, 0.8 Å, is outside the neck's table from 1 to 2 Å")
}

// checkDamage expects an error in one line.
func checkDamage(t *testing.T, content, solvent, want string) {
	t.Helper()
	_, err := Parse([]byte(content), Options{Format: "amber", Solvent: solvent})
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q: %v", want, err)
	}
}

// A file that ends anywhere is an error, unless only what nobody reads is lost.
func TestAmberCutShort(t *testing.T) {
	whole := text(t, "amber-ff96.prmtop")
	for at := 0; at < strings.Index(whole, "%FLAG SCREEN"); at += 97 {
		if _, err := Parse([]byte(whole[:at]), Options{Format: "amber", Solvent: "obc2"}); err == nil {
			t.Errorf("cut after %d bytes, the file is read", at)
		}
	}
}

// A file is read by its own reader, whatever its name is, and a flag for another format is said.
func TestFormats(t *testing.T) {
	_, err := Read("testdata/absent.prmtop", Options{})
	if !errors.Is(err, ErrInput) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
	for _, c := range []struct {
		file string
		o    Options
		want string
	}{
		{"amber-ff96.prmtop", Options{}, ""},
		{"small.xml", Options{}, ""},
		{"amber-ff96.prmtop", Options{Format: "openmm"}, "give it by --amber"},
		{"small.xml", Options{Format: "amber"}, "give it by --openmm"},
		{"small.xml", Options{Solvent: "obc1"}, "the file holds its solvent; leave --solvent out"},
	} {
		_, err := Read(filepath.Join("testdata", c.file), c.o)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %+v: %v", c.file, c.o, err)
		}
	}
}
