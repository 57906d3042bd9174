package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// amber returns flags of alanine dipeptide's topology in OBC1.
func amber(more ...string) []string {
	return append([]string{"--amber", moleculeFile("amber-ff96.prmtop"), "--solvent", "obc1"}, more...)
}

// "eqflow molecule" describes an Amber topology with its names and its solvent.
func TestMoleculeOfAmber(t *testing.T) {
	file, start := moleculeFile("amber-ff96.prmtop"), moleculeFile("amber-ff96.inpcrd")
	code, stdout, stderr := runCaptured("molecule", file, "--solvent", "OBC1", "--structure", start)
	if code != exitDone {
		t.Fatalf("code %d, %s", code, stderr)
	}
	for _, want := range []string{
		"22: C6 H12 N2 O2", "OBC1, dielectrics 1 and 78.5, no cutoff", "8 (CA ALA 2) of", ", L\n",
		`file           Amber topology "ACE" with "H(N)-modified Bondi radii (mbondi2)", sha256 `,
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	code, stdout, _ = runCaptured("molecule", file, "--json")
	var d moleculeDescription
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != exitDone || d.Solvent != "none" ||
		d.Format != "amber" || d.Labels[8] != "CA ALA 2" || d.Models != 0 || len(d.Forces) != 4 {
		t.Errorf("code %d, %v, %+v", code, err, d)
	}
}

// "eqflow energy" of an Amber topology has OpenMM's energies, and its manifest names file and
// solvent.
func TestEnergyOfAmber(t *testing.T) {
	out, x := filepath.Join(t.TempDir(), "e.npz"), moleculeFile("amber-ff96.npz")
	code, stdout, stderr := runCaptured(append([]string{"energy", x, "--out", out, "--json"}, amber()...)...)
	if code != exitDone {
		t.Fatalf("code %d, %s, %s", code, stdout, stderr)
	}
	want, err := dataset.ReadArray(x, "energy_obc1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := dataset.ReadArray(out, "energy")
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range want.F64 {
		if math.Abs(got.F64[k]-v) > 1e-7*math.Abs(v) {
			t.Errorf("energy %d is %g, not %g", k, got.F64[k], v)
		}
	}
	set, err := dataset.Read(out, 22, 3)
	if err != nil {
		t.Fatal(err)
	}
	var settings energySettings
	if err := json.Unmarshal(set.Manifest.Settings, &settings); err != nil || len(settings.SHA256) != 64 ||
		settings.File != "amber-ff96.prmtop" || settings.Solvent != "OBC1" ||
		!strings.HasPrefix(settings.Writer, "Amber") {
		t.Errorf("%v, %+v", err, settings)
	}
	start := moleculeFile("amber-ff96.ncrst")
	code, stdout, _ = runCaptured(append([]string{"energy", start, "--json"}, amber()...)...)
	var s energySummary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone || s.N != 1 {
		t.Errorf("a coordinate file: code %d, %v, %s", code, err, stdout)
	}
}

// "eqflow mcmc" samples an Amber topology from a coordinate file. What it writes knows its molecule
// and solvent, and is not taken for the same molecule in another solvent.
func TestSampleAmber(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.npz")
	chains := []string{"mcmc", "-n", "8", "--chains", "2", "--burn", "2", "--thin", "1", "--out", out}
	code, stdout, stderr := runCaptured(append(chains, amber("--structure", moleculeFile("amber-ff96.inpcrd"))...)...)
	if code != exitDone || !strings.Contains(stdout, "solvent OBC1; 300 K") ||
		!strings.Contains(stdout, `topology "ACE"`) {
		t.Fatalf("code %d, %s, %s", code, stdout, stderr)
	}
	code, stdout, stderr = runCaptured("measure", out, "--data", out, "--json")
	if code != exitDone || !strings.Contains(stdout, "C6H12N2O2-OBC1-300K") {
		t.Errorf("measured: code %d, %s, %s", code, stdout, stderr)
	}
	line := []string{"measure", out, "--data", out, "--amber", moleculeFile("amber-ff96.prmtop")}
	code, _, stderr = runCaptured(append(line, "--solvent", "obc2")...)
	if code != exitInput || !strings.Contains(stderr, "C6H12N2O2-OBC1-300K, not of C6H12N2O2-OBC2-300K") {
		t.Errorf("another solvent: code %d, %s", code, stderr)
	}
}

// Wrong input ends with exit code 2 and one line that says what is wrong.
func TestAmberWrongInput(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data, err := os.ReadFile(moleculeFile("amber-ff96.prmtop"))
	if err != nil {
		t.Fatal(err)
	}
	whole, topology, x := string(data), moleculeFile("amber-ff96.prmtop"), moleculeFile("amber-ff96.npz")
	chamber := file("chamber.prmtop", strings.Replace(whole, "%FLAG TITLE ", "%FLAG CTITLE", 1))
	cut := file("cut.prmtop", whole[:9000])
	xml := moleculeFile("small.xml")
	coordinates, err := os.ReadFile(moleculeFile("amber-ff19sb.inpcrd"))
	if err != nil {
		t.Fatal(err)
	}
	other := file("other.rst7", string(coordinates))
	for want, line := range map[string][]string{
		"cut.prmtop: section ":                         {"energy", "--amber", cut, x},
		"BONDS_INC_HYDROGEN: holds 8 values, and 36 b": {"molecule", cut},
		"chamber.prmtop: a CHAMBER topology (CTITLE)":  {"energy", "--amber", chamber, x},
		"give it by --amber":                           {"energy", "--openmm", topology, x},
		"give it by --openmm":                          {"energy", "--amber", xml, x},
		"not by both":                                  {"energy", "--amber", topology, "--openmm", xml, x},
		"the molecule is missing; give it by --openmm": {"energy", x},
		"leave --solvent out":                          {"molecule", xml, "--solvent", "hct"},
		`the solvent "water" is unknown`:               {"molecule", topology, "--solvent", "water"},
		"--solvent hct belongs to an Amber":            {"mcmc", "--solvent", "hct", "--out", "x.npz"},
		"other.rst7: the file has 23 atoms and the":    {"energy", "--amber", topology, other},
		"has 23 atoms and the system 22":               {"molecule", topology, "--structure", other},
		"no names of atoms": {"molecule", moleculeFile("ff99sbildn-obc.xml"), "--structure",
			moleculeFile("amber-ff96.inpcrd")},
		"no such file": {"energy", "--amber", "absent.prmtop", x},
	} {
		code, _, stderr := runCaptured(line...)
		if code != exitInput || !strings.Contains(stderr, want) || strings.Count(strings.TrimSpace(stderr), "\n") > 0 {
			t.Errorf("%q: code %d, %s", want, code, stderr)
		}
	}
}
