package molecule

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// EncodePDB returns configurations x [N, n, 3] in nm as the models of a PDB file, in angstrom to
// three decimals. Names are those of the structure, or else elements with numbers; CONECT has the
// bonds.
func (s *System) EncodePDB(x particle.Batch) ([]byte, error) {
	if s.Atoms() > 99999 {
		return nil, inputErrorf("a PDB file has columns for 99999 atoms, not for %d; write .dcd", s.Atoms())
	}
	atoms := s.names()
	var buf bytes.Buffer
	for m := range x.Len() {
		fmt.Fprintf(&buf, "MODEL     %4d\n", m+1)
		for i, a := range atoms {
			name := a.Name
			if len(name) < 4 && len(a.Element) < 2 {
				name = " " + name // the element ends in column 14
			}
			fmt.Fprintf(&buf, "ATOM  %5d %-4.4s %-4.4s%1.1s%4d%1.1s   ",
				i+1, name, a.Residue, a.Chain, a.Number%10000, a.Insert)
			for k := range 3 {
				v := x.At(m)[3*i+k] / perAngstrom
				if math.Abs(v) >= 999.9995 {
					return nil, inputErrorf("atom %d of configuration %d (from 0) has a coordinate of %.4g angstrom, "+
						"and a PDB file has columns for 999.999; write .dcd", i, m, v)
				}
				fmt.Fprintf(&buf, "%8.3f", v)
			}
			fmt.Fprintf(&buf, "  1.00  0.00          %2s\n", strings.ToUpper(a.Element))
		}
		buf.WriteString("ENDMDL\n")
	}
	for i, near := range s.neighbours() {
		for from := 0; from < len(near); from += 4 {
			fmt.Fprintf(&buf, "CONECT%5d", i+1)
			for _, j := range near[from:min(len(near), from+4)] {
				fmt.Fprintf(&buf, "%5d", j+1)
			}
			buf.WriteByte('\n')
		}
	}
	buf.WriteString("END\n")
	return buf.Bytes(), nil
}

// names returns the atoms of the structure or of the file, or atoms named by their elements and
// numbers.
func (s *System) names() []Atom {
	if named := s.named(); named != nil {
		return named
	}
	var out []Atom
	for i, e := range s.Elements() {
		name := e
		if e == "" {
			name = "X"
		}
		out = append(out, Atom{Name: fmt.Sprint(name, i), Element: e, Residue: "MOL", Number: 1, Chain: "A"})
	}
	return out
}

// EncodeDCD returns configurations x [N, n, 3] in nm as a DCD trajectory, in angstrom and float32,
// without a unit cell.
func EncodeDCD(x particle.Batch) []byte {
	var buf bytes.Buffer
	record := func(parts ...any) {
		var body bytes.Buffer
		for _, p := range parts {
			_ = binary.Write(&body, binary.LittleEndian, p) // a bytes.Buffer takes everything
		}
		length := binary.LittleEndian.AppendUint32(nil, uint32(body.Len()))
		buf.Write(length)
		buf.Write(body.Bytes())
		buf.Write(length)
	}
	header := [20]int32{0: int32(x.Len()), 1: 1, 2: 1, 3: int32(x.Len()), 19: 24} // of CHARMM 24
	record([]byte("CORD"), header[:])
	record(int32(1), []byte(fmt.Sprintf("%-80s", "eqflow")))
	record(int32(x.N))
	axis := make([]float32, x.N)
	for m := range x.Len() {
		for k := range 3 {
			for i := range axis {
				axis[i] = float32(x.At(m)[3*i+k] / perAngstrom)
			}
			record(axis)
		}
	}
	return buf.Bytes()
}
