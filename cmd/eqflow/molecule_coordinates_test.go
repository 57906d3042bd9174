package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// "eqflow molecule" splits the internal coordinates of a tripeptide: φ and ψ twice and the turns
// of four methyls are soft. It writes the z-matrix, and reads it again after an edit by hand.
func TestMoleculeCoordinates(t *testing.T) {
	xml, path := moleculeFile("tripeptide-amber19.xml"), filepath.Join(t.TempDir(), "z.txt")
	code, stdout, stderr := runCaptured("molecule", xml, "--write-zmatrix", path)
	if code != exitDone || !strings.Contains(stdout, "31 bonds, 30 angles, 29 dihedral angles; 8 soft, 82 stiff") ||
		strings.Count(stdout, "3-fold with") != 4 {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, _ = runCaptured("molecule", xml, "--structure", moleculeFile("tripeptide-amber19.pdb"), "--json")
	var spread moleculeDescription
	if err := json.Unmarshal([]byte(stdout), &spread); err != nil || code != exitDone ||
		len(spread.Coordinates.Stiff) != 82 || spread.Coordinates.loosest()[0].Spread > 0.005 {
		t.Errorf("code %d, %v, %+v", code, err, spread.Coordinates)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(text), " soft", "", 1)
	if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, _ = runCaptured("molecule", xml, "--zmatrix", path, "--json")
	var d moleculeDescription
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || code != exitDone || len(d.Coordinates.Circles) != 7 {
		t.Fatalf("code %d, %v, %+v", code, err, d.Coordinates)
	}
	if err := os.WriteFile(path, []byte("0\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = runCaptured("molecule", xml, "--zmatrix", path)
	if code != exitInput || !strings.Contains(stderr, "line 2 names 1 atoms; give 2") {
		t.Errorf("code %d, %s", code, stderr)
	}
}

// "eqflow train --flow internal" takes the coordinates from the molecule and its data, "eqflow
// sample" draws from the folder with weights, and what has no internal coordinates is refused.
func TestTrainInternal(t *testing.T) {
	dir := t.TempDir()
	folder, out := filepath.Join(dir, "model"), filepath.Join(dir, "s.npz")
	xml, data := moleculeFile("ff99sbildn-obc.xml"), moleculeFile("ff99sbildn-obc.npz")
	train := []string{"train", "--openmm", xml, "--data", data, "--flow", "internal", "--backend", "go",
		"--steps", "2", "--batch", "4", "--out", folder}
	if code, _, stderr := runCaptured(train...); code != exitDone ||
		!strings.Contains(stderr, "5 soft and 55 stiff internal coordinates; equivalent atoms turn at 3 rotors") {
		t.Fatalf("code %d, %s", code, stderr)
	}
	code, _, finished := runCaptured("train", "--from", folder, "--objective", "mixture", "--path-gradients",
		"--data", data, "--backend", "go", "--steps", "2", "--batch", "4", "--out", filepath.Join(dir, "finished"))
	if code != exitDone {
		t.Fatalf("code %d, %s", code, finished)
	}
	code, stdout, stderr := runCaptured("sample", "--model", folder, "--backend", "go", "-n", "20", "--out", out)
	if code != exitDone || !strings.Contains(stdout, "ESS") {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
	}
	set, err := dataset.Read(out, 22, 3)
	if err != nil {
		t.Fatal(err)
	}
	logW, ok := set.Arrays.Get("log_w")
	if !ok || len(logW.F64) != 20 {
		t.Fatal("there are no weights")
	}
	for _, c := range []struct{ flags, want string }{
		{"--system dw4", "is for a molecule"}, {"--openmm " + xml + " --augment", "would reflect the data"},
	} {
		args := append(strings.Fields("train --flow internal --backend go --data "+data+" --out "+dir+"/x"),
			strings.Fields(c.flags)...)
		if c.flags == "--system dw4" {
			args[6] = dw4Set(t, `{"kind":"double-well","n":4,"d":2}`)
		}
		if code, _, stderr := runCaptured(args...); code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: code %d, %s", c.flags, code, stderr)
		}
	}
}

// "eqflow train --objective energy" needs no data: it takes the coordinates from a structure.
func TestTrainInternalByEnergy(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "model")
	train := []string{"train", "--openmm", moleculeFile("tripeptide-amber19.xml"), "--flow", "internal",
		"--objective", "energy", "--backend", "go", "--steps", "2", "--batch", "10", "--out", folder}
	structure := []string{"--structure", moleculeFile("tripeptide-amber19.pdb")}
	for want, flags := range map[string][]string{
		"--path-gradients": structure, "or from --structure FILE": {"--path-gradients"},
	} {
		code, _, stderr := runCaptured(append(train, flags...)...)
		if code != exitInput || !strings.Contains(stderr, want) {
			t.Errorf("code %d, without %q: %s", code, want, stderr)
		}
	}
	code, stdout, stderr := runCaptured(append(append(train, structure...), "--path-gradients")...)
	if code != exitDone || !strings.Contains(stderr, "outside "+structure[1]+", relaxed by ") ||
		!strings.Contains(stdout, "energies  20 evaluated") {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
	}
}
