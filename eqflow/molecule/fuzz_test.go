package molecule

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// checkLine checks that the error about a file is one line without the file's control characters.
func checkLine(t *testing.T, err error) {
	t.Helper()
	if text := InFile("fuzzed", err).Error(); text != printable.Line(text) {
		t.Errorf("the error is not a line of text: %q", text)
	}
}

// Whatever a System file holds, reading and computing end with a result or an error, never a panic,
// and a result is finite.
func FuzzParseSystem(f *testing.F) {
	small := text(f, "small.xml")
	f.Add(small)
	f.Add(strings.Replace(small, `<Bond d=".15" k="200000" p1="0"`, `<Bond d=".15" k="200000" p1="-1"`, 1))
	f.Add(text(f, "amber14-gbn2-salt.xml"))
	f.Add(strings.ReplaceAll(text(f, "amber14-gbn.xml"), `param4="3"`, `param4="2.5"`))
	f.Fuzz(func(t *testing.T, content string) {
		s, err := ParseSystem([]byte(content))
		if err != nil {
			checkLine(t, err)
			return
		}
		s.Topology()
		p, err := NewPotential(s, Options{LiftConstraints: true})
		if err != nil {
			checkLine(t, err)
			return
		}
		x := make([]float64, 3*s.Atoms())
		for k := range x {
			x[k] = 0.1 * float64(k%7) * math.Sin(float64(k))
		}
		if e, err := p.Energy(x, nil, nil); err == nil && (math.IsNaN(e) || math.IsInf(e, 0)) {
			t.Errorf("the energy is %g without an error", e)
		}
	})
}

// Whatever an Amber topology holds, reading and computing end with a result or an error.
func FuzzParseAmber(f *testing.F) {
	f.Add(text(f, "amber-ff96.prmtop"), "obc1")
	f.Add(text(f, "amber-ff19sb.prmtop"), "gbn2")
	f.Add(text(f, "amber-nbfix.prmtop"), "")
	f.Add(strings.ReplaceAll(text(f, "amber-ff96.prmtop"), "       3", "      -3"), "hct")
	f.Add(strings.Replace(text(f, "amber-ff19sb.prmtop"), "       1       1", "      -1       1", 1), "none")
	f.Fuzz(func(t *testing.T, content, solvent string) {
		s, err := Parse([]byte(content), Options{Format: amberFormat, Solvent: solvent})
		if err != nil {
			checkLine(t, err)
			return
		}
		if s.Atoms() > 200 {
			return // their topology takes long
		}
		s.Topology()
		p, err := NewPotential(s, Options{})
		if err != nil {
			checkLine(t, err)
			return
		}
		x := make([]float64, 3*s.Atoms())
		for k := range x {
			x[k] = 0.1 * float64(k%7) * math.Sin(float64(k))
		}
		if e, err := p.Energy(x, nil, nil); err == nil && (math.IsNaN(e) || math.IsInf(e, 0)) {
			t.Errorf("the energy is %g without an error", e)
		}
	})
}

// Whatever an Amber coordinate file holds, reading ends with whole configurations or an error.
func FuzzParseRestart(f *testing.F) {
	f.Add([]byte(text(f, "amber-ff96.inpcrd")), 22)
	f.Add([]byte(restart(2, 12)), 2)
	f.Add([]byte(text(f, "amber-ff96.ncrst")), 22)
	f.Add([]byte(text(f, "amber-ff96.nc")), 22)
	f.Fuzz(func(t *testing.T, content []byte, n int) {
		if n < 1 {
			return
		}
		x, err := parseRestart(content, n)
		switch {
		case err != nil:
			checkLine(t, err)
		case x.Len() == 0 || x.N != n || len(x.X) > len(content):
			t.Errorf("%d configurations of %d atoms", x.Len(), x.N)
		}
	})
}

// Whatever a PDB file holds, reading ends with whole models or an error.
func FuzzParsePDB(f *testing.F) {
	f.Add(text(f, "tripeptide-amber19.pdb"))
	f.Fuzz(func(t *testing.T, content string) {
		s, err := ParsePDB(strings.NewReader(content))
		switch {
		case err != nil:
			checkLine(t, err)
		case len(s.Models.X) != s.Models.Len()*3*len(s.Atoms):
			t.Errorf("%d coordinates of %d atoms", len(s.Models.X), len(s.Atoms))
		}
	})
}

// trajectory is a DCD file of n atoms.
func trajectory(n, frames int, cell bool) (file []byte) {
	record := func(contents []byte) {
		file = binary.LittleEndian.AppendUint32(file, uint32(len(contents)))
		file = append(file, contents...)
		file = binary.LittleEndian.AppendUint32(file, uint32(len(contents)))
	}
	header := append([]byte("CORD"), make([]byte, 80)...)
	header[dcdVersion] = 24
	if cell {
		header[dcdCell] = 1
	}
	record(header)
	record(append([]byte{1, 0, 0, 0}, make([]byte, 80)...))
	record([]byte{byte(n), 0, 0, 0})
	for range frames {
		if cell {
			record(make([]byte, 48))
		}
		for range 3 {
			record(make([]byte, 4*n))
		}
	}
	return file
}

// Whatever a DCD file holds, reading ends with whole frames or an error, and memory stays within a
// small multiple of the file.
func FuzzParseDCD(f *testing.F) {
	f.Add(trajectory(3, 2, false), 3)
	f.Add(trajectory(1, 1, true), 1)
	f.Add(trajectory(2, 1, false)[:150], 1<<40)
	f.Fuzz(func(t *testing.T, content []byte, n int) {
		if n < 1 {
			return
		}
		x, err := parseDCD(content, n)
		switch {
		case err != nil:
			checkLine(t, err)
		case x.Len() == 0 || x.N != n || 4*len(x.X) > len(content):
			t.Errorf("%d configurations of %d atoms from %d bytes", x.Len(), x.N, len(content))
		}
	})
}
