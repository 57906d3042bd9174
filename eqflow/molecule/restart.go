package molecule

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// An Amber coordinate file has coordinates in fields of a width, several to a line.
const (
	restartWidth   = 12
	restartPerLine = 6
)

// farthest bounds coordinates, in angstrom. What lies farther is damage.
const farthest = 1e8

// restartEndings are the usual endings of Amber coordinate files.
var restartEndings = []string{".inpcrd", ".rst7", ".restrt", ".rst", ".crd", ".ncrst", ".nc"}

// IsRestart reports whether a file's name ends as those of Amber coordinate files do.
func IsRestart(path string) bool {
	return slices.Contains(restartEndings, strings.ToLower(filepath.Ext(path)))
}

// ReadRestart reads the coordinates of an Amber coordinate or restart file (.inpcrd, .rst7 or
// .ncrst), in text or NetCDF, or of a NetCDF trajectory (.nc), of a number of atoms, and converts
// them from angstrom to nm. Velocities and boxes are left out.
func ReadRestart(path string, atoms int) (particle.Batch, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return particle.Batch{}, inputErrorf("%w; give an Amber coordinate file (.inpcrd, .rst7)", err)
	}
	x, err := parseRestart(data, atoms)
	if err != nil {
		return particle.Batch{}, InFile(path, err)
	}
	return x, nil
}

func parseRestart(data []byte, atoms int) (particle.Batch, error) {
	var none particle.Batch
	switch {
	case bytes.HasPrefix(data, []byte("CDF")):
		return parseNetCDF(data, atoms)
	case bytes.HasPrefix(data, []byte("\x89HDF")):
		return none, errors.New("the file is NetCDF-4 (HDF5), which is not supported: convert it with nccopy -k " +
			"classic, or write it as text with cpptraj")
	}
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) < 3 {
		return none, errors.New("the file is cut short: an Amber coordinate file has a title, the number of atoms, " +
			"and coordinates; copy it again")
	}
	words := strings.Fields(lines[1])
	if len(words) == 0 {
		return none, errors.New("line 2 is blank and should begin with the number of atoms; is it an Amber " +
			"coordinate file?")
	}
	count, err := strconv.Atoi(words[0])
	switch {
	case err != nil || count < 1:
		return none, fmt.Errorf("line 2 begins with %q, not with the number of atoms; is it an Amber coordinate file?",
			shorten(words[0]))
	case count != atoms:
		return none, fmt.Errorf("the file has %d atoms and the system %d; give the coordinates of this "+
			"system", count, atoms)
	}
	if held := restartPerLine * (len(lines) - 2); held < 3*atoms {
		return none, fmt.Errorf("the file ends after %d of %d coordinates; copy it again", held, 3*atoms)
	}
	x := particle.NewBatch(1, atoms, 3)
	for k := range x.X {
		row, column := 2+k/restartPerLine, k%restartPerLine
		if x.X[k], err = restartField(lines[row], column); err != nil {
			return none, fmt.Errorf("line %d, column %d: %w", row+1, restartWidth*column+1, err)
		}
		x.X[k] *= perAngstrom
	}
	return x, nil
}

// restartField reads one field of a line. Fields may touch each other.
func restartField(line string, column int) (float64, error) {
	from, to := restartWidth*column, restartWidth*(column+1)
	if len(strings.TrimRight(line, " ")) < to {
		return 0, errors.New("the line ends before its six fields of twelve columns; the file is cut short; copy it " +
			"again")
	}
	if len(strings.TrimRight(line, " ")) > restartWidth*restartPerLine {
		return 0, errors.New("the line has more than six fields of twelve columns; write the file again with Amber's " +
			"programs")
	}
	text := strings.TrimSpace(line[from:to])
	v, err := fortranFloat(text)
	if err != nil {
		return 0, fmt.Errorf("%q %w; write the file again with Amber's programs", text, err)
	}
	if math.Abs(v) > farthest {
		return 0, fmt.Errorf("%q is no coordinate in angstrom; copy the file again", text)
	}
	return v, nil
}
