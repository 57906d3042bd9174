package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// "eqflow molecule" splits the internal coordinates of a tripeptide: φ and ψ twice and the turns of
// four methyls are soft. It writes the z-matrix, and reads it again after an edit by hand.
func TestMoleculeCoordinates(t *testing.T) {
	xml, path := moleculeFile("tripeptide-amber19.xml"), filepath.Join(t.TempDir(), "z.txt")
	code, stdout, stderr := runCaptured("molecule", xml, "--write-zmatrix", path)
	if code != exitDone || !strings.Contains(stdout, "31 bonds, 30 angles, 29 dihedral angles; 8 soft, 82 stiff") ||
		strings.Count(stdout, "3-fold with") != 4 {
		t.Fatalf("code %d, %s%s", code, stdout, stderr)
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
