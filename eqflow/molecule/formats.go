package molecule

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Format is a kind of file that holds a molecule with its force field.
type Format struct {
	Name string // also that of the program's flag
	File string // what the file is, with its usual endings
	// OpenSolvent reports that the file leaves the solvent open, so that Options names it.
	OpenSolvent bool

	start string // of the file, after white space
	parse func(data []byte, o Options) (*System, error)
}

const openMMFormat, amberFormat = "openmm", "amber"

// Formats are the formats that Read reads. The first one reads files whose start is unknown.
var Formats = []Format{
	{Name: openMMFormat, File: "OpenMM System file (.xml)", start: "<",
		parse: func(data []byte, _ Options) (*System, error) { return ParseSystem(data) }},
	{Name: amberFormat, File: "Amber topology (.prmtop, .parm7)", OpenSolvent: true, start: "%", parse: parseAmber},
}

// Read reads a System from a file of any of the Formats. The energy of what it returns may still be
// refused: see System.Refusals. Errors match ErrInput.
func Read(path string, o Options) (*System, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, inputErrorf("%w; give an %s", err, FileKinds())
	}
	s, err := Parse(data, o)
	if err != nil {
		return nil, InFile(path, err)
	}
	return s, nil
}

// FileKinds lists the kinds of files that Read reads.
func FileKinds() string {
	var kinds []string
	for _, f := range Formats {
		kinds = append(kinds, f.File)
	}
	return strings.Join(kinds, " or ")
}

// Parse reads a System from the contents of a file of any of the Formats.
func Parse(data []byte, o Options) (*System, error) {
	format := Formats[0]
	start := bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \r\n\t")
	for _, f := range Formats {
		found := bytes.HasPrefix(start, []byte(f.start))
		if found && o.Format != "" && o.Format != f.Name {
			return nil, fmt.Errorf("the file is an %s; give it by --%s", f.File, f.Name)
		}
		if found || f.Name == o.Format {
			format = f
		}
	}
	if o.Solvent != "" && !format.OpenSolvent {
		return nil, errors.New("the file holds its solvent; leave --solvent out")
	}
	return format.parse(data, o)
}
