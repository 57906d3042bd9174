package dataset

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Names in the comment line of an XYZ frame. energyKey is what ASE and OVITO call the array "u"; its unit here is kT.
const (
	energyKey   = "energy"
	energyArray = "u"
	dimKey      = "dim"
	manifestKey = "eqflow_manifest"
	posProperty = "species:S:1:pos:R:3"
)

// encodeXYZ writes one frame per configuration without a lattice, particles as species X, d < 3 padded with zeros. Arrays
// [N] go into the comment lines, "u" as energy; numbers keep all their digits.
func encodeXYZ(set Set) ([]byte, error) {
	if set.Batch.D > 3 {
		return nil, fmt.Errorf("xyz has three dimensions, not %d; name the file .npz", set.Batch.D)
	}
	for _, a := range set.Arrays {
		if len(a.Shape) != 1 || a.Shape[0] != set.Batch.Len() {
			return nil, fmt.Errorf("xyz takes one number per configuration, not %q of shape %s; name the file .npz", a.Name, shapeText(a.Shape))
		}
		if strings.ContainsAny(a.Name, "= \t\n\"") || a.Name == dimKey || a.Name == manifestKey || a.Name == energyKey {
			return nil, fmt.Errorf("xyz cannot take an array of the name %q; rename it", a.Name)
		}
	}
	manifest, err := json.Marshal(set.Manifest)
	if err != nil {
		return nil, fmt.Errorf("its manifest is not valid JSON: %w; correct Spec or Settings", err)
	}
	columns := make([][]float64, len(set.Arrays))
	for k, a := range set.Arrays {
		columns[k] = a.Float64s()
	}
	var buf []byte
	for i := range set.Batch.Len() {
		buf = fmt.Appendf(buf, "%d\nProperties=%s %s=%d", set.Batch.N, posProperty, dimKey, set.Batch.D)
		for k, a := range set.Arrays {
			buf = append(buf, ' ')
			buf = append(buf, xyzKey(a.Name)...)
			buf = append(buf, '=')
			buf = appendFloat(buf, columns[k][i])
		}
		if i == 0 {
			buf = fmt.Appendf(buf, " %s=%s", manifestKey, quote(manifest))
		}
		buf = appendParticles(append(buf, '\n'), set.Batch.At(i), set.Batch.D)
	}
	return buf, nil
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

// appendFloat writes the shortest digits that read back as the same float64.
func appendFloat(buf []byte, v float64) []byte { return strconv.AppendFloat(buf, v, 'g', -1, 64) }

// quote wraps one line of JSON as an extended XYZ string: quotes and backslashes escaped. ASE undoes the escapes when it
// reads and does not write them again, so JSON's own \" and \\ become \u0022 and \u005c, which come through that unharmed.
func quote(text []byte) string {
	plain := strings.NewReplacer(`\\`, `\u005c`, `\"`, `\u0022`).Replace(string(text))
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain) + `"`
}
