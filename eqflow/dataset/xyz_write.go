package dataset

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Names in the comment line of an XYZ frame. energyKey is the name of the array "u" in ASE and
// OVITO. Its unit here is kT.
const (
	energyKey   = "energy"
	energyArray = "u"
	dimKey      = "dim"
	manifestKey = "eqflow_manifest"
	posProperty = "species:S:1:pos:R:3"
)

// encodeXYZ returns one frame per configuration, without a lattice. All particles are of species X,
// and fewer than three dimensions are padded with zeros. The comment lines hold the arrays [N],
// with "u" as energy. Numbers have all their digits.
func encodeXYZ(set Set) (encoding, error) {
	if set.Batch.D > 3 {
		return nil, fmt.Errorf("an .xyz has three dimensions, not %d; name the file .npz", set.Batch.D)
	}
	for _, a := range set.Arrays {
		if len(a.Shape) != 1 || a.Shape[0] != set.Batch.Len() {
			return nil, fmt.Errorf("an .xyz holds one number per configuration, not %q of shape %s; name the file .npz",
				a.Name, shapeText(a.Shape))
		}
		reserved := a.Name == dimKey || a.Name == manifestKey || a.Name == energyKey
		if reserved || strings.ContainsAny(a.Name, "= \t\n\"") {
			return nil, fmt.Errorf("an .xyz cannot hold an array of the name %q; rename the array", a.Name)
		}
	}
	columns := make([][]float64, len(set.Arrays))
	for k, a := range set.Arrays {
		columns[k] = a.Float64s()
	}
	sum := newHash()
	writeFrames(sum, set, columns, "") // a hash takes every byte
	set.Manifest.TextSHA256 = hexSum(sum)
	manifest, err := set.Manifest.encode()
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error { return writeFrames(w, set, columns, manifestSuffix+quote(manifest)) }, nil
}

// manifestSuffix precedes the manifest, which ends the first comment line.
const manifestSuffix = " " + manifestKey + "="

// writeFrames writes all frames. suffix ends the first comment line.
func writeFrames(w io.Writer, set Set, columns [][]float64, suffix string) error {
	var buf []byte
	for i := range set.Batch.Len() {
		buf = fmt.Appendf(buf[:0], "%d\nProperties=%s %s=%d", set.Batch.N, posProperty, dimKey, set.Batch.D)
		for k, a := range set.Arrays {
			buf = append(buf, ' ')
			buf = append(buf, xyzKey(a.Name)...)
			buf = append(buf, '=')
			buf = appendFloat(buf, columns[k][i])
		}
		if i == 0 {
			buf = append(buf, suffix...)
		}
		buf = appendParticles(append(buf, '\n'), set.Batch.At(i), set.Batch.D)
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

func xyzKey(array string) string {
	if array == energyArray {
		return energyKey
	}
	return array
}

func appendParticles(buf []byte, x []float64, d int) []byte {
	for particle := range slices.Chunk(x, d) {
		buf = append(buf, 'X')
		for k := range 3 {
			v := 0.0
			if k < d {
				v = particle[k]
			}
			buf = appendFloat(append(buf, ' '), v)
		}
		buf = append(buf, '\n')
	}
	return buf
}

// appendFloat appends the shortest decimal number that parses to the same float64.
func appendFloat(buf []byte, v float64) []byte { return strconv.AppendFloat(buf, v, 'g', -1, 64) }

// quote returns one line of JSON as a quoted extended XYZ string, with quotes and backslashes
// escaped. ASE removes the escapes when it reads a file and does not restore them when it writes.
// JSON's own \" and \\ therefore become \u0022 and \u005c, which survive ASE.
func quote(text []byte) string {
	plain := strings.NewReplacer(`\\`, `\u005c`, `\"`, `\u0022`).Replace(string(text))
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `"`
}
