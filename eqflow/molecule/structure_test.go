package molecule

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func openTripeptide(t testing.TB) (*System, *Structure) {
	t.Helper()
	p, _ := openTest(t, "tripeptide-amber19")
	s, err := ParsePDB(strings.NewReader(text(t, "tripeptide-amber19.pdb")))
	if err != nil {
		t.Fatal(err)
	}
	return p.system, s
}

// A PDB file gives names, elements, CONECT and coordinates in nm, rounded to 1e-4 nm.
func TestPDB(t *testing.T) {
	system, s := openTripeptide(t)
	if err := system.Attach(s); err != nil {
		t.Fatal(err)
	}
	if got := s.Atoms[0].String(); got != "CH3 ACE 1" || s.Atoms[1].Element != "H" || len(s.Bonds) == 0 {
		t.Errorf("%s, %v", got, s.Bonds)
	}
	_, set := openTest(t, "tripeptide-amber19")
	for k, v := range s.Models.X {
		if math.Abs(v-set.Batch.X[k]) > 0.51e-4 {
			t.Fatalf("coordinate %d is %g nm, not %g", k, v, set.Batch.X[k])
		}
	}
	if system.Label(4) != "atom 4 (C ACE 1)" {
		t.Error(system.Label(4))
	}
}

// Models have the same atoms; each gives one configuration.
func TestModels(t *testing.T) {
	atoms := strings.Split(text(t, "tripeptide-amber19.pdb"), "TER")[0]
	s, err := ParsePDB(strings.NewReader("MODEL 1\n" + atoms + "ENDMDL\nMODEL 2\n" + atoms + "ENDMDL\nEND\n"))
	if err != nil || s.Models.Len() != 2 || len(s.Atoms) != 32 {
		t.Fatalf("%v", err)
	}
	swapped := strings.Replace(atoms, " H1  ACE", " H9  ACE", 1)
	_, err = ParsePDB(strings.NewReader("MODEL 1\n" + atoms + "ENDMDL\nMODEL 2\n" + swapped + "ENDMDL\n"))
	if err == nil || !strings.Contains(err.Error(), "atom 1 is H1 ACE 1 in one structure and H9 ACE 1 in the other") {
		t.Errorf("%v", err)
	}
}

// Damaged PDB files are errors in one line.
func TestDamagedPDB(t *testing.T) {
	pdb := text(t, "tripeptide-amber19.pdb")
	first := strings.Index(pdb, "HETATM")
	for want, content := range map[string]string{
		"no ATOM or HETATM":          "END\n",
		"is not a finite number":     pdb[:first+30] + "     nan" + pdb[first+38:],
		"alternative location":       strings.Replace(pdb, "CH3 ACE", "CH3BACE", 1),
		"CONECT names atom 99":       pdb + "CONECT   99    1\n",
		"unknown element \"Q\"":      strings.Replace(pdb, "           C  ", "           Q  ", 1),
		"has no ENDMDL":              "MODEL 1\n" + pdb,
		"line 2: atom CH3 ACE 1: th": pdb[:first+40],
	} {
		if _, err := ParsePDB(strings.NewReader(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// A structure of another molecule, in another order or another unit is refused, and the error says
// what differs.
func TestAttachRefuses(t *testing.T) {
	system, whole := openTripeptide(t)
	other, _ := openTest(t, "ff99sbildn-obc")
	if err := other.system.Attach(whole); err == nil || !strings.Contains(err.Error(), "32 atoms and the system 22") {
		t.Errorf("%v", err)
	}
	for want, change := range map[string]func(s *Structure){
		"atom 0 is H1 ACE 1 (H) in the structure, but its mass in the system is 12.01, which is C": func(s *Structure) {
			s.Atoms[0], s.Atoms[1] = s.Atoms[1], s.Atoms[0]
		},
		"but 0.": func(s *Structure) { // two hydrogens of different methyls
			for k := range 3 {
				s.Models.X[3*1+k], s.Models.X[3*14+k] = s.Models.X[3*14+k], s.Models.X[3*1+k]
			}
		},
		"seem to be in angstrom": func(s *Structure) { scale(s, 10) },
		"seem to be in nm where": func(s *Structure) { scale(s, 0.1) },
		"such as that of":        func(s *Structure) { scale(s, 3) },
		"has a bond (CONECT)":    func(s *Structure) { s.Bonds = append(s.Bonds, [2]int{1, 2}) },
	} {
		s := &Structure{
			Atoms: slices.Clone(whole.Atoms), Models: whole.Models.Clone(), Bonds: slices.Clone(whole.Bonds),
		}
		change(s)
		if err := system.Attach(s); err == nil || !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

func scale(s *Structure, by float64) {
	for k := range s.Models.X {
		s.Models.X[k] *= by
	}
}

// Elements follow from the masses, also where hydrogens took mass from their neighbours.
func TestElements(t *testing.T) {
	p, _ := openTest(t, "ff99sbildn-obc")
	const want = "C H H H C O N H C H C O C H H H N H C H H H"
	if got := strings.Join(p.system.Elements(), " "); got != want {
		t.Error(got)
	}
	for i, near := range p.system.neighbours() {
		if p.system.Masses[i] < 1.1 {
			p.system.Masses[i] += 2
			p.system.Masses[near[0]] -= 2
		}
	}
	if got := strings.Join(p.system.Elements(), " "); got != want {
		t.Error("with repartitioned hydrogens:", got)
	}
}
