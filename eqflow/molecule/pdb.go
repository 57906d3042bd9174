package molecule

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

const perAngstrom = 0.1 // nm

// ReadPDB reads a PDB file: the atoms of its first model, the coordinates of all models, converted
// from angstrom to nm, and the bonds of CONECT.
func ReadPDB(path string) (*Structure, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, inputErrorf("%w; give a PDB file", err)
	}
	defer file.Close()
	t, err := ParsePDB(file)
	if err != nil {
		return nil, inputErrorf("%s: %w", path, err)
	}
	return t, nil
}

// pdbReader gathers the records of a PDB file.
type pdbReader struct {
	out     Structure
	atoms   []Atom // of the model being read
	serials map[int]int
	inModel bool
	bonds   map[[2]int]bool
}

// ParsePDB reads the text of a PDB file. See ReadPDB.
func ParsePDB(r io.Reader) (*Structure, error) {
	p := &pdbReader{serials: map[int]int{}, bonds: map[[2]int]bool{}}
	p.out.Models.D = 3
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		if err := p.record(lines.Text()); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("cannot be read: %w; is it a PDB file?", err)
	}
	if p.inModel {
		return nil, errors.New("the last MODEL has no ENDMDL; copy the file again")
	}
	if err := p.endModel(); err != nil {
		return nil, err
	}
	if len(p.out.Atoms) == 0 {
		return nil, errors.New("it has no ATOM or HETATM record; is it a PDB file?")
	}
	for b := range p.bonds {
		p.out.Bonds = append(p.out.Bonds, b)
	}
	slices.SortFunc(p.out.Bonds, comparePairs)
	return &p.out, nil
}

func (p *pdbReader) record(line string) error {
	switch kind := strings.TrimSpace(columns(line, 1, 6)); kind {
	case "ATOM", "HETATM":
		return p.atom(line)
	case "MODEL":
		if p.inModel {
			return errors.New("MODEL without the ENDMDL of the model before; copy the file again")
		}
		p.inModel = true
	case "ENDMDL":
		p.inModel = false
		return p.endModel()
	case "CONECT":
		return p.connect(line)
	}
	return nil
}

// columns returns columns from to to of a line, counted from 1, as the format has them.
func columns(line string, from, to int) string {
	return line[min(from-1, len(line)):min(to, len(line))]
}

func (p *pdbReader) atom(line string) error {
	if alternative := strings.TrimSpace(columns(line, 17, 17)); alternative != "" && alternative != "A" {
		return fmt.Errorf("alternative location %q of an atom; keep one location for each atom", alternative)
	}
	a := Atom{
		Name: strings.TrimSpace(columns(line, 13, 16)), Residue: strings.TrimSpace(columns(line, 18, 21)),
		Chain: strings.TrimSpace(columns(line, 22, 22)), Insert: strings.TrimSpace(columns(line, 27, 27)),
	}
	a.Number, _ = strconv.Atoi(strings.TrimSpace(columns(line, 23, 26))) // may be hexadecimal in large files
	symbol := strings.TrimSpace(columns(line, 77, 78))
	if symbol == "" { // by the name, whose element ends in column 14
		symbol = strings.TrimLeft(strings.TrimSpace(columns(line, 13, 14)), "0123456789")
		if len(a.Name) == 4 && strings.HasPrefix(a.Name, "H") {
			symbol = "H"
		}
	}
	if a.Element = canonicalElement(symbol); a.Element == "" {
		return fmt.Errorf("atom %s has the unknown element %q; give the element in columns 77 and 78", a, symbol)
	}
	for k := range 3 {
		text := strings.TrimSpace(columns(line, 31+8*k, 38+8*k))
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("atom %s: the coordinate %q is not a finite number; correct columns %d to %d",
				a, text, 31+8*k, 38+8*k)
		}
		p.out.Models.X = append(p.out.Models.X, v*perAngstrom)
	}
	if len(p.out.Atoms) == 0 {
		if serial, err := strconv.Atoi(strings.TrimSpace(columns(line, 7, 11))); err == nil {
			p.serials[serial] = len(p.atoms)
		}
	}
	p.atoms = append(p.atoms, a)
	return nil
}

// endModel closes the model that is being read, if it has atoms.
func (p *pdbReader) endModel() error {
	if len(p.atoms) == 0 {
		return nil
	}
	model := Structure{Atoms: p.atoms}
	if p.atoms = nil; len(p.out.Atoms) == 0 {
		p.out.Atoms = model.Atoms
		p.out.Models.N = len(model.Atoms)
		return nil
	}
	if err := p.out.SameAs(&model); err != nil {
		return fmt.Errorf("model %d differs from the first: %s; keep models of one molecule in one file",
			len(p.out.Models.X)/(3*len(p.out.Atoms)), strings.TrimPrefix(err.Error(), "molecule: "))
	}
	return nil
}

func (p *pdbReader) connect(line string) error {
	var numbers []int
	for from := 7; from <= 27; from += 5 {
		text := strings.TrimSpace(columns(line, from, from+4))
		if text == "" {
			continue
		}
		serial, err := strconv.Atoi(text)
		index, known := p.serials[serial]
		if err != nil || !known {
			return fmt.Errorf("CONECT names atom %s, which does not exist; correct the record", text)
		}
		numbers = append(numbers, index)
	}
	for k := 1; k < len(numbers); k++ {
		if i, j := numbers[0], numbers[k]; i != j {
			p.bonds[[2]int{min(i, j), max(i, j)}] = true
		}
	}
	return nil
}

// comparePairs orders pairs by the first number, then by the second.
func comparePairs(a, b [2]int) int {
	if a[0] != b[0] {
		return a[0] - b[0]
	}
	return a[1] - b[1]
}
