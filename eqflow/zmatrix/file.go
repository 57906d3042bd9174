package zmatrix

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Read reads a file of Parse.
func Read(path string, atoms int) (ZMatrix, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, inputErrorf("%w; give a file of a z-matrix", err)
	}
	z, err := Parse(string(data), atoms)
	if err != nil {
		return nil, inputErrorf("%s: %s", path, strings.TrimPrefix(err.Error(), "zmatrix: "))
	}
	return z, nil
}

// Parse reads a z-matrix that was written by hand. Each line places one atom: its number, then the
// atoms of its bond, angle and dihedral angle, from 0, and the word soft if the dihedral angle
// turns freely. The first line has no reference, the second one and the third two. Text after # is
// a comment. String writes this form.
func Parse(text string, atoms int) (ZMatrix, error) {
	var z ZMatrix
	for number, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		row := Row{Bond: -1, Angle: -1, Dihedral: -1}
		if fields[len(fields)-1] == "soft" {
			row.Soft = true
			fields = fields[:len(fields)-1]
		}
		places := []*int{&row.Atom, &row.Bond, &row.Angle, &row.Dihedral}
		if want := min(len(z)+1, len(places)); len(fields) != want {
			return nil, inputErrorf("line %d names %d atoms; give %d: the atom, and those of its bond, angle and "+
				"dihedral angle", number+1, len(fields), want)
		}
		for m, field := range fields {
			i, err := strconv.Atoi(field)
			if err != nil {
				return nil, inputErrorf("line %d: %q is no number of an atom", number+1, field)
			}
			*places[m] = i
		}
		z = append(z, row)
	}
	if len(z) != atoms {
		return nil, inputErrorf("there are %d rows for %d atoms; give each atom a line", len(z), atoms)
	}
	return z, z.Validate()
}

// String returns the z-matrix in the form that Parse reads.
func (z ZMatrix) String() string {
	var out strings.Builder
	for k, r := range z {
		numbers := []int{r.Atom, r.Bond, r.Angle, r.Dihedral}[:min(k+1, 4)]
		out.WriteString(strings.Trim(fmt.Sprint(slices.Clone(numbers)), "[]"))
		if r.Soft {
			out.WriteString(" soft")
		}
		out.WriteByte('\n')
	}
	return out.String()
}
