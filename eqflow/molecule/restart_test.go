package molecule

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// restart returns the text of a coordinate file with count numbers after its two first lines.
func restart(atoms, count int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a title\n%6d  0.1000000E+02\n", atoms)
	for k := range count {
		fmt.Fprintf(&b, "%12.7f", -100-float64(k))
		if k%6 == 5 || k == count-1 {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// Coordinates are in nm; numbers may touch; velocities and a box are left out; lines may end in any
// way. tleap's first atom is at (2, 1, 0) Å.
func TestRestart(t *testing.T) {
	x, err := ReadRestart("testdata/amber-ff96.inpcrd", 22)
	if err != nil || math.Abs(x.X[0]-0.2000001) > 1e-12 || math.Abs(x.X[1]-0.1) > 1e-12 || x.Len() != 1 || x.N != 22 {
		t.Fatalf("%v, %v", x, err)
	}
	const atoms = 3
	for _, count := range []int{9, 9 + 6, 18, 18 + 6} {
		for _, end := range []string{"\n", "\r\n"} {
			x, err := parseRestart([]byte(strings.ReplaceAll(restart(atoms, count), "\n", end)), atoms)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range x.X {
				if want := -0.1 * (100 + float64(k)); math.Abs(v-want) > 1e-12 {
					t.Errorf("coordinate %d is %g, want %g", k, v, want)
				}
			}
		}
	}
}

// The NetCDF files of cpptraj hold the coordinates of the text, in float64 and, in a trajectory of
// two frames, in float32. Cut short anywhere, or of another molecule, they are an error.
func TestNetCDF(t *testing.T) {
	want, err := ReadRestart("testdata/amber-ff96.inpcrd", 22)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		frames    int
		tolerance float64 // nm
	}{"amber-ff96.ncrst": {1, 1e-8}, "amber-ff96.nc": {2, 1e-7}} {
		x, err := ReadRestart("testdata/"+name, 22)
		if err != nil || x.Len() != c.frames {
			t.Fatalf("%s: %v, %d frames", name, err, x.Len())
		}
		for k, v := range x.X {
			if w := want.X[k%len(want.X)]; math.Abs(v-w) > c.tolerance {
				t.Errorf("%s: coordinate %d is %g, want %g", name, k, v, w)
			}
		}
		whole := text(t, name)
		for at := range whole {
			if _, err := parseRestart([]byte(whole[:at]), 22); err == nil {
				t.Errorf("%s is read after a cut at %d of %d bytes", name, at, len(whole))
			}
		}
		for want, content := range map[string]string{
			"has 22 atoms and the system 23": whole,
			"not in angstrom":                strings.Replace(whole, "angstrom", "nanomete", 1),
			"has no coordinates":             strings.Replace(whole, "coordinates", "coordinatez", 1),
		} {
			atoms := 22
			if content == whole {
				atoms = 23
			}
			if _, err := parseRestart([]byte(content), atoms); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q: %v", name, want, err)
			}
		}
	}
}

// A damaged coordinate file, or one of another molecule, is an error in one line.
func TestRestartDamage(t *testing.T) {
	whole := restart(4, 12)
	for want, content := range map[string]string{
		"not of the classic format":        "CDF\x05...",
		"is NetCDF-4 (HDF5)":               "\x89HDF\r\n",
		"the file is cut short":            "title\n",
		"not with the number of atoms":     strings.Replace(whole, "     4 ", "  four ", 1),
		"line 2 is blank":                  "title\n\n 1.0\n",
		"has 5 atoms and the system 4":     restart(5, 15),
		"ends after 6 of 12 coordinates":   restart(4, 6),
		"line 4, column 61: the line ends": whole[:len(whole)-2] + "\n",
		`"************" has overflowed`:    strings.Replace(whole, "-103.0000000", "************", 1),
		`is not a finite number`:           strings.Replace(whole, "-103.0000000", "-103.000000x", 1),
		"more than six fields":             strings.Replace(whole, "\n-106", " 1.0\n-106", 1),
	} {
		_, err := parseRestart([]byte(content), 4)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", want, err)
		}
	}
	if _, err := ReadRestart("testdata/amber-ff96.inpcrd", 21); !errors.Is(err, ErrInput) ||
		!strings.Contains(err.Error(), "amber-ff96.inpcrd: the file has 22 atoms and the system 21") {
		t.Errorf("another molecule: %v", err)
	}
}
