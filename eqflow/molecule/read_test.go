package molecule

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// text returns a file of testdata.
func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// edited returns a system file in which each old text is replaced by the new one, once.
func edited(t testing.TB, name string, oldNew ...string) string {
	t.Helper()
	s := text(t, name)
	for k := 0; k < len(oldNew); k += 2 {
		if !strings.Contains(s, oldNew[k]) {
			t.Fatalf("%s does not contain %q", name, oldNew[k])
		}
		s = strings.Replace(s, oldNew[k], oldNew[k+1], 1)
	}
	return s
}

// A part that changes the energy and is not supported is refused by its name, in one line.
func TestRefusals(t *testing.T) {
	force := func(kind, rest string) []string {
		return []string{"<Forces>", `<Forces><Force forceGroup="0" version="1" type="` + kind + `" ` + rest + `/>`}
	}
	for _, c := range []struct {
		file, want string
		edits      []string
	}{
		{"small", "MonteCarloBarostat is not supported", force("MonteCarloBarostat", `pressure="1"`)},
		{"small", "remove the thermostat", force("AndersenThermostat", `randomSeed="0"`)},
		{"small", "CustomBondForce is not supported", force("CustomBondForce", `energy="r"`)},
		{"small", "DrudeForce is not supported", force("DrudeForce", "")},
		{"small", "AmoebaVdwForce is not supported", force("AmoebaVdwForce", "")},
		{"small", "NonbondedForce with PME", []string{`ljnz="0" method="1"`, `ljnz="0" method="4"`}},
		{"small", "NonbondedForce with Ewald", []string{`ljnz="0" method="1"`, `ljnz="0" method="3"`}},
		{"small", "NonbondedForce with CutoffPeriodic", []string{`ljnz="0" method="1"`, `ljnz="0" method="2"`}},
		{"small", "RBTorsionForce backbone with periodic", []string{
			`type="RBTorsionForce" usesPeriodic="0"`, `type="RBTorsionForce" usesPeriodic="1"`}},
		{"small", "NonbondedForce with periodic exceptions", []string{`exceptionsUsePeriodic="0"`, `exceptionsUsePeriodic="1"`}},
		{"small", "NonbondedForce without direct space", []string{`includeDirectSpace="1"`, `includeDirectSpace="0"`}},
		{"small", "NonbondedForce with ParticleOffsets", []string{"<ParticleOffsets/>",
			`<ParticleOffsets><Offset parameter="l" particle="0" q=".1" sig="0" eps="0"/></ParticleOffsets>`}},
		{"small", "a virtual site (TwoParticleAverageSite)", []string{`<Particle mass="12"/>`,
			`<Particle mass="0"><TwoParticleAverageSite p1="0" p2="1" w1=".5" w2=".5"/></Particle>`}},
		{"ff96-obc1", "is none of Amber's", []string{"2.909125*psi^3", "2.909125*psi^4"}},
		{"ff96-obc1", "is none of Amber's", []string{"r-sr2^2/r", "r+sr2^2/r"}},
		{"ff96-obc1", "is none of Amber's", []string{"L=max(or1, D)", "L=max(or2, D)"}},
		{"ff96-obc1", "is none of Amber's", []string{"charge1*charge2/f", "charge1*charge1/f"}},
		{"ff96-obc1", "is none of Amber's", []string{"psi=I*or;", "psi=I*or; psi=I*sr;"}},
		{"ff96-obc1", "is none of Amber's", []string{"</EnergyTerms>", `<Term expression="charge" type="0"/></EnergyTerms>`}},
		{"ff96-obc1", "is none of Amber's", []string{`name="sr"`, `name="scale"`}},
		{"ff96-obc1", "with GlobalParameters", []string{"<GlobalParameters/>\n\t\t\t<Energy",
			`<GlobalParameters><Parameter name="a" default="1"/></GlobalParameters>` + "\n\t\t\t<Energy"}},
		{"amber14-gbn", "is none of Amber's", []string{"100*(r-getd0", "101*(r-getd0"}},
		{"amber14-gbn", "is none of Amber's", []string{`name="getd0" type="Discrete2DFunction"`, `name="getd0" type="Continuous2DFunction"`}},
		{"amber14-gbn2-salt", "is none of Amber's", []string{"kappa=1.2;", "kappa=1.3;"}},
	} {
		s, err := ParseSystem([]byte(edited(t, c.file+".xml", c.edits...)))
		if err != nil {
			t.Errorf("%s: %v", c.want, err)
			continue
		}
		_, err = NewPotential(s, Options{})
		if !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", c.want, err)
		}
	}
}

// A damaged file is an error in one line, and nothing unknown is ignored.
func TestDamagedFiles(t *testing.T) {
	whole := text(t, "small.xml")
	for want, content := range map[string]string{
		"the XML is cut short":           whole[:len(whole)/2],
		"it holds no XML":                "",
		"not OpenMM's <System>":          "<State version=\"1\"/>",
		"cannot be read or is damaged":   "<System version=\"1\"></Sistem>",
		"is not a finite number":         edited(t, "small.xml", `k="200000"`, `k="nan"`),
		`k="inf" is not a finite`:        edited(t, "small.xml", `k="200000"`, `k="inf"`),
		`q="" is not a finite`:           strings.Replace(whole, ` q="`, ` q="" was="`, 1),
		"unknown attribute color":        edited(t, "small.xml", `<Bond d`, `<Bond color="red" d`),
		"<Spring>: is an unknown":        edited(t, "small.xml", "<Bonds>", "<Bonds><Spring/>"),
		"<Fields>: is an unknown":        edited(t, "small.xml", "<Forces>", "<Fields/><Forces>"),
		`"k" is absent`:                  edited(t, "small.xml", `k="200000"`, ""),
		"is no particle":                 edited(t, "small.xml", `p1="0"`, `p1="12"`),
		"names particle 1 twice":         edited(t, "small.xml", `p1="0" p2="1"`, `p1="1" p2="1"`),
		"version 9 is newer":             edited(t, "small.xml", `type="HarmonicBondForce" usesPeriodic="0" version="2"`, `type="HarmonicBondForce" usesPeriodic="0" version="9"`),
		"unexpected text":                edited(t, "small.xml", "<Bonds>", "<Bonds>x"),
		"has 12 particles, and the":      edited(t, "small.xml", `<Particle mass="12"/>`, `<Particle mass="12"/><Particle mass="12"/>`),
		"has two exceptions":             edited(t, "small.xml", "<Exceptions>", `<Exceptions><Exception eps="0" p1="1" p2="0" q="0" sig="1"/>`),
		"is not from 0 to 64":            edited(t, "ff96-obc1.xml", `periodicity="2"`, `periodicity="200"`),
		"radindex 7 is outside":          edited(t, "amber14-gbn.xml", `param4="3"`, `param4="7"`),
		"is not between 0 and the cutof": edited(t, "small.xml", `switchingDistance=".6"`, `switchingDistance="2"`),
	} {
		_, err := ParseSystem([]byte(content))
		if want == "cannot be read or is damaged" {
			want = "the XML is damaged"
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// Constraints are refused, or lifted by a flag; the springs that are absent then are counted.
func TestConstraints(t *testing.T) {
	s, err := ParseSystem([]byte(edited(t, "small.xml", "<Constraints/>",
		`<Constraints><Constraint d=".15" p1="0" p2="1"/><Constraint d=".2" p1="0" p2="5"/></Constraints>`)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPotential(s, Options{}); err == nil || !strings.Contains(err.Error(), "2 constraints") {
		t.Errorf("constraints are not refused: %v", err)
	}
	if _, err := NewPotential(s, Options{LiftConstraints: true}); err != nil || len(s.Unheld()) != 1 {
		t.Errorf("%v, %v", err, s.Unheld())
	}
}

// Atoms on top of each other have an infinite energy, and the error names the pair.
func TestCoincidentAtoms(t *testing.T) {
	p, set := openTest(t, "ff99sbildn-obc")
	x := set.Batch.Clone()
	copy(x.At(2)[3*4:3*5], x.At(2)[3*9:3*10])
	_, err := Evaluate(t.Context(), p, x, nil)
	var at *ConfigurationError
	if !errors.As(err, &at) || at.Configuration != 2 || !errors.Is(err, ErrInput) ||
		!strings.Contains(err.Error(), "atom 4 (from 0) and atom 9 (from 0) are at the same place") {
		t.Errorf("%v", err)
	}
}

// Names and groups of forces are those of the file, and a name that appears again is numbered.
func TestForceNames(t *testing.T) {
	s, err := ParseSystem([]byte(edited(t, "small.xml", `name="HarmonicAngleForce"`, `name="HarmonicBondForce"`)))
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Join(s.ForceNames(), " ")
	const want = "HarmonicBondForce HarmonicBondForce-2 backbone CMAPTorsionForce NonbondedForce GBSAOBCForce " +
		"CMMotionRemover"
	if names != want ||
		s.Forces[2].Group != 3 || s.OpenMM != "8.6.1" {
		t.Errorf("%s, group %d", names, s.Forces[2].Group)
	}
}
