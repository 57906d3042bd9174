package main

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
)

// dipeptide are the flags of a peptide with a structure.
func dipeptide() []string {
	return []string{
		"--openmm", moleculeFile("tripeptide-amber19.xml"), "--structure", moleculeFile("tripeptide-amber19.pdb"),
	}
}

func moleculeLine(more ...string) []string {
	return append(append(dipeptide(), "--chains", "4", "--burn", "4", "--thin", "1"), more...)
}

// A short run has the right number of configurations, named in every format; its energies are the
// file's, its temperatures and rates are there, and no configuration is mirrored.
func TestMcmcOfAMolecule(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "x.npz")
	text, err := runMcmc(t.Context(), moleculeLine("--ladder", "310:620:3", "-n", "10", "--seed", "5", "--json",
		"--cv", "phi=dihedral(4,6,8,10)", "--cv", "size=rg", "--out", out)...)
	if err != nil {
		t.Fatal(err)
	}
	var s moleculeSummary
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err, text)
	}
	if !s.Complete || s.N != 10 || len(s.Temperatures) != 3 || math.Abs(s.Temperatures[2]-620) > 1e-6 ||
		len(s.Exchanges) != 2 || len(s.Variables) != 2 || len(s.FreeEnergies) != 2 || s.Evaluations < 2000 {
		t.Errorf("%+v", s)
	}
	if len(s.Chirality) != 2 || s.Chirality[0].Mirrored != 0 || s.Chirality[0].Hand != "L" || s.Chirality[0].Kept == 0 {
		t.Errorf("%+v", s.Chirality)
	}
	if !strings.Contains(s.Description, "solvent GBn2; 310 K") {
		t.Error(s.Description)
	}
	set, err := dataset.Read(out, 32, 3)
	if err != nil {
		t.Fatal(err)
	}
	u, _ := set.Arrays.Get("u")
	system, err := molecule.ReadSystem(moleculeFile("tripeptide-amber19.xml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := molecule.NewPotential(system, molecule.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := p.Energy(set.Batch.At(3), nil, nil)
	if want := 8.31446261815324e-3 * 310 * u.F64[3]; err != nil || math.Abs(e-want) > 1e-8*math.Abs(e) {
		t.Errorf("u of the file is %g kJ/mol, the energy %g, %v", want, e, err)
	}
	// The file says what it is, to other commands.
	code, stdout, stderr := runCaptured("measure", out, "--data", out, "--compare", "5", "--structure",
		moleculeFile("tripeptide-amber19.pdb"))
	if code != exitDone || !strings.Contains(stdout, "310 K") || !strings.Contains(stdout, "10 L, 0 mirrored") {
		t.Errorf("measure: code %d, %s%s", code, stdout, stderr)
	}
}

// Trajectories in .pdb, .dcd and .xyz are read again, with names and elements.
func TestMcmcFormatsOfAMolecule(t *testing.T) {
	folder := t.TempDir()
	var energies []float64
	for _, ext := range []string{".npz", ".pdb", ".dcd", ".xyz"} {
		out := filepath.Join(folder, "x"+ext)
		if _, err := runMcmc(t.Context(), moleculeLine("-n", "5", "--seed", "2", "--out", out)...); err != nil {
			t.Fatal(ext, err)
		}
		code, stdout, stderr := runCaptured("energy", "--json", "--openmm", dipeptide()[1], out)
		var s energySummary
		if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitDone || s.N != 5 {
			t.Fatalf("%s: code %d, %v, %s", ext, code, err, stderr)
		}
		energies = append(energies, s.Energy.Mean)
	}
	for k, e := range energies { // .pdb rounds to 1e-4 nm
		if tolerance := []float64{0, 2, 0.01, 1e-9}[k]; math.Abs(e-energies[0]) > tolerance {
			t.Errorf("energies %v", energies)
		}
	}
	structure, err := molecule.ReadPDB(filepath.Join(folder, "x.pdb"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := molecule.ReadPDB(dipeptide()[3])
	if err != nil {
		t.Fatal(err)
	}
	if err := structure.SameAs(names); err != nil || len(structure.Bonds) != 31 {
		t.Errorf("%v, %d bonds", err, len(structure.Bonds))
	}
	xyz, err := os.ReadFile(filepath.Join(folder, "x.xyz"))
	if err != nil || !strings.HasPrefix(strings.SplitN(string(xyz), "\n", 4)[2], "C ") {
		t.Errorf("the first atom of the .xyz: %v, %.80s", err, strings.SplitN(string(xyz), "\n", 4)[2])
	}
}

// Ctrl-C keeps the work, and the same command ends with the bytes of an uninterrupted one. Another
// command does not continue it.
func TestMcmcOfAMoleculeResumes(t *testing.T) {
	folder := t.TempDir()
	whole, part := filepath.Join(folder, "whole.npz"), filepath.Join(folder, "part.npz")
	line := moleculeLine("-n", "1200", "--seed", "3", "--out")
	began := time.Now()
	if _, err := runMcmc(t.Context(), append(line, whole)...); err != nil {
		t.Fatal(err)
	}
	err := error(nil)
	for patience := time.Since(began) / 3; !errors.Is(err, context.Canceled); patience /= 3 {
		if patience < time.Microsecond {
			t.Fatal("no run could be interrupted: ", err)
		}
		stop, end := context.WithCancel(t.Context())
		timer := time.AfterFunc(patience, end)
		_, err = runMcmc(stop, append(line, part, "--force")...)
		timer.Stop()
		end()
	}
	if _, err := runMcmc(t.Context(), append(line, part, "--seed", "4")...); exitCode(err) != exitInput {
		t.Errorf("another seed: %v", err)
	}
	other := strings.TrimSuffix(part, "npz") + "pdb"
	if _, err := runMcmc(t.Context(), append(line, other)...); exitCode(err) != exitInput {
		t.Errorf("another file: %v", err)
	}
	if _, err := runMcmc(t.Context(), append(line, part)...); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(whole)
	b, err2 := os.ReadFile(part)
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("the continued run differs: %v, %v", err, err2)
	}
	if _, err := os.Stat(filepath.Join(folder, "part.checkpoint.npz")); err == nil {
		t.Error("the checkpoint is left behind")
	}
}

// Flags and files that make no run end with exit code 2 and one line.
func TestMcmcRefusalsOfAMolecule(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "x.npz")
	data, err := os.ReadFile(dipeptide()[3])
	file := func(name, content string) string {
		path := filepath.Join(folder, name)
		err = errors.Join(err, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	xml, text := dipeptide()[1], string(data)
	cut := file("cut.xml", "<System version=\"1\"><Part")
	first := strings.Index(text, "ATOM") + 30 // the first coordinate
	nan := text[:first] + "     nan" + text[first+8:]
	lines := strings.Split(text, "\n")
	line := func(atom string) int {
		return slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, atom) })
	}
	one, other := line("HB1 ALA"), line("HB2 ALA") // of one methyl
	lines[other] = lines[other][:30] + lines[one][30:54] + lines[other][54:]
	together := file("together.pdb", strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for want, line := range map[string][]string{
		"at the same place":          {"--openmm", xml, "--structure", together},
		"is missing: the chains":     {"--openmm", xml},
		"give from:to:count":         moleculeLine("--ladder", "300:200:8"),
		"begins at 320 K":            moleculeLine("--ladder", "320:600:4", "--temperature", "300"),
		"leave --sampler out":        moleculeLine("--sampler", "mala"),
		"has no constant \"kt\"":     moleculeLine("--kt", "1"),
		"positive number of kelvin":  moleculeLine("--temperature", "-5"),
		"cannot be parsed":           moleculeLine("--cv", "phi=torsion(1,2,3,4)"),
		"cannot be computed":         moleculeLine("--cv", "phi=dihedral(1,2,3,99)"),
		"give the system by one of":  moleculeLine("--system", "dw4"),
		"no such file":               {"--openmm", "absent.xml", "--structure", dipeptide()[3]},
		"the XML is cut short":       {"--openmm", cut, "--structure", dipeptide()[3]},
		"32 atoms and the system 12": {"--openmm", moleculeFile("small.xml"), "--structure", dipeptide()[3]},
		"is not a finite number":     {"--openmm", xml, "--structure", file("nan.pdb", nan)},
		"are for molecules":          {"--system", "dw4", "--ladder", "300:600:4"},
		"is no molecule and has no":  {"--system", "dw4", "--structure", dipeptide()[3]},
		"has no constant \"temperat": {"--system", "dw4", "--temperature", "300"},
	} {
		_, err := runMcmc(t.Context(), append(line, "-n", "4", "--out", out)...)
		if exitCode(err) != exitInput || !strings.Contains(oneLine(err), want) {
			t.Errorf("%q: error %v, code %d", want, err, exitCode(err))
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a file was written")
	}
}
