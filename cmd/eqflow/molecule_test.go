package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// moleculeFile is a file that the tests of the package molecule have.
func moleculeFile(name string) string {
	return filepath.Join("..", "..", "eqflow", "molecule", "testdata", name)
}

// "eqflow molecule" describes a tripeptide for people and for scripts.
func TestMoleculeCommand(t *testing.T) {
	xml, pdb := moleculeFile("tripeptide-amber19.xml"), moleculeFile("tripeptide-amber19.pdb")
	code, stdout, stderr := runCaptured("molecule", xml, "--structure", pdb)
	if code != exitDone {
		t.Fatalf("code %d, %s", code, stderr)
	}
	for _, want := range []string{
		"32: C9 H17 N3 O3", "GBn2, dielectrics 1 and 78.5, no cutoff", "(CA ALA 2)", ", L\n", "stiff",
		"rings          none",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	code, stdout, _ = runCaptured("molecule", moleculeFile("small.xml"), "--json")
	var d moleculeDescription
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != exitDone {
		t.Fatal(code, err)
	}
	if d.Atoms != 12 || len(d.Forces) != 7 || len(d.SHA256) != 64 ||
		d.Forces[2].Name != "backbone" || d.Forces[2].Group != 3 {
		t.Errorf("%+v", d)
	}
}

// "eqflow energy" writes the energies of OpenMM, with their names, units and the system's hash.
func TestEnergyCommand(t *testing.T) {
	out := filepath.Join(t.TempDir(), "e.npz")
	x := moleculeFile("small.npz")
	code, stdout, stderr := runCaptured("energy", "--openmm", moleculeFile("small.xml"), x, "--out", out, "--json")
	var s energySummary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone || s.N != 6 || len(s.ByForce) != 7 {
		t.Fatalf("code %d, %v, %s, %s", code, err, stdout, stderr)
	}
	want, err := dataset.ReadArrays(x)
	if err != nil {
		t.Fatal(err)
	}
	written, err := dataset.ReadArrays(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"energy", "by_force", "forces"} {
		a, _ := written.Get(name)
		b, _ := want.Get(name)
		if len(a.F64) == 0 || len(a.F64) != len(b.F64) {
			t.Fatalf("%s has %d numbers, not %d", name, len(a.F64), len(b.F64))
		}
		for k, v := range b.F64 {
			if math.Abs(a.F64[k]-v) > 1e-9*max(1, math.Abs(v)) {
				t.Fatalf("%s[%d] is %g, not %g", name, k, a.F64[k], v)
			}
		}
	}
	got, err := dataset.Read(out, 12, 3)
	if err != nil {
		t.Fatal(err)
	}
	var settings energySettings
	if err := json.Unmarshal(got.Manifest.Settings, &settings); err != nil || len(settings.SHA256) != 64 ||
		len(settings.Groups) != 2 || settings.Groups[1] != 3 || settings.Units["forces"] != "kJ/mol/nm" {
		t.Errorf("%v, %+v", err, settings)
	}
	groups, _ := written.Get("by_group")
	total, _ := written.Get("energy")
	if sum := groups.F64[0] + groups.F64[1]; math.Abs(sum-total.F64[0]) > 1e-9 {
		t.Errorf("the groups add up to %g, not to %g", sum, total.F64[0])
	}
}

// The models of a PDB file and coordinates in angstrom give the same energies.
func TestEnergyOfOtherFiles(t *testing.T) {
	xml, pdb := moleculeFile("tripeptide-amber19.xml"), moleculeFile("tripeptide-amber19.pdb")
	structure, err := molecule.ReadPDB(pdb)
	if err != nil {
		t.Fatal(err)
	}
	x := structure.Models.Clone()
	for k := range x.X {
		x.X[k] *= 10
	}
	xyz := filepath.Join(t.TempDir(), "x.xyz")
	if err := dataset.Write(xyz, dataset.Set{Batch: x}, false); err != nil {
		t.Fatal(err)
	}
	var energies []float64
	for _, line := range [][]string{{pdb, "--structure", pdb}, {pdb}, {xyz, "--unit", "angstrom"}} {
		code, stdout, stderr := runCaptured(append([]string{"energy", "--json", "--openmm", xml}, line...)...)
		var s energySummary
		if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone {
			t.Fatalf("%v: code %d, %v, %s", line, code, err, stderr)
		}
		energies = append(energies, s.Energy.Mean)
	}
	code, stdout, stderr := runCaptured("energy", "--json", "--openmm", xml, moleculeFile("tripeptide-amber19.dcd"))
	if code != exitDone || !strings.Contains(stdout, `"n": 6`) {
		t.Errorf("a trajectory: code %d, %s, %s", code, stdout, stderr)
	}
	for _, e := range energies {
		if math.Abs(e-energies[0]) > 1e-9*math.Abs(e) {
			t.Errorf("energies differ: %v", energies)
		}
	}
}

// Wrong input ends with exit code 2 and one line that says what is wrong.
func TestEnergyRefusals(t *testing.T) {
	folder := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data, err := os.ReadFile(moleculeFile("small.xml"))
	if err != nil {
		t.Fatal(err)
	}
	small, xml, x := string(data), moleculeFile("small.xml"), moleculeFile("small.npz")
	constrained := file("constrained.xml", strings.Replace(small, "<Constraints/>",
		`<Constraints><Constraint d=".15" p1="0" p2="1"/></Constraints>`, 1))
	set, err := dataset.Read(x, 12, 3)
	if err != nil {
		t.Fatal(err)
	}
	set.Batch = set.Batch.Clone()
	copy(set.Batch.At(4)[:3], set.Batch.At(4)[18:21])
	together, wide := filepath.Join(folder, "together.npz"), filepath.Join(folder, "wide.npz")
	for path, x := range map[string]particle.Batch{together: set.Batch, wide: scaledSystem(set.Batch, 10)} {
		if err := dataset.Write(path, dataset.Set{Batch: x}, false); err != nil {
			t.Fatal(err)
		}
	}
	pme := strings.Replace(small, `method="1" name="N`, `method="4" name="N`, 1)
	for want, line := range map[string][]string{
		"constraints, whose":                     {"--openmm", constrained, x},
		"cut short":                              {"--openmm", file("cut.xml", small[:3000]), x},
		"is not supported":                       {"--openmm", file("pme.xml", pme), x},
		"no such file":                           {"--openmm", filepath.Join(folder, "absent.xml"), x},
		"4 (from 0): atom 0 (from 0) and atom 6": {"--openmm", xml, together},
		"seem to be in angstrom":                 {"--openmm", xml, wide},
		"give nm or angstrom":                    {"--openmm", xml, x, "--unit", "bohr"},
		"32 atoms and the system 12":             {"--openmm", xml, moleculeFile("tripeptide-amber19.pdb")},
		"name it .npz":                           {"--openmm", xml, x, "--out", filepath.Join(folder, "e.npy")},
	} {
		code, stdout, stderr := runCaptured(append([]string{"energy"}, line...)...)
		if code != exitInput || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("%q: code %d, %q, %q", want, code, stdout, stderr)
		}
	}
	code, _, stderr := runCaptured("energy", "--openmm", constrained, x, "--lift-constraints")
	if code != exitDone || !strings.Contains(stderr, "1 constraints are lifted; 0 of them") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

func scaledSystem(b particle.Batch, by float64) particle.Batch {
	b = b.Clone()
	for k := range b.X {
		b.X[k] *= by
	}
	return b
}
