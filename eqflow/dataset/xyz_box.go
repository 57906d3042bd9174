package dataset

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"
)

// box is the periodic box of a frame.
type box struct {
	periodic [3]bool
	inverse  mat.Dense // of the lattice vectors, which are the rows
}

// otherBox matches keys by which other programs than those of extended XYZ name a box, and
// cellOfIPI the box in a comment line of i-PI.
var (
	otherBox  = regexp.MustCompile(`(?i)^(unit_?)?(cell|box)(_?(vectors?|lengths?|matrix))?$`)
	cellOfIPI = regexp.MustCompile(`CELL[({]`)
)

// errOtherBox refuses a box in other words than Lattice and pbc.
var errOtherBox = errors.New("a box is read from Lattice and pbc alone; write Lattice=\"…\" with pbc, " +
	"or remove the box if no particle is wrapped")

// newBox reads the values of Lattice and pbc. By the convention of extended XYZ, a lattice without
// pbc is periodic. It returns nil if the frame is not periodic.
func newBox(lattice, pbc string) (*box, error) {
	b := &box{periodic: [3]bool{true, true, true}}
	if pbc != "" {
		for k, word := range strings.Fields(strings.Trim(pbc, "[]")) {
			on, err := strconv.ParseBool(strings.Trim(word, ","))
			if err != nil || k > 2 {
				return nil, fmt.Errorf(`pbc=%.40q is not three of T and F; correct it`, pbc)
			}
			b.periodic[k] = on
		}
	}
	if b.periodic == [3]bool{} || (lattice == "" && pbc == "") {
		return nil, nil
	}
	var vectors []float64
	for _, word := range strings.Fields(lattice) {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return nil, fmt.Errorf("Lattice=%.60q is not nine numbers; correct it", lattice)
		}
		vectors = append(vectors, v)
	}
	if len(vectors) != 9 {
		return nil, fmt.Errorf("Lattice=%.60q is not nine numbers, and the frame is periodic; "+
			"correct it, or write pbc=\"F F F\" if no particle is wrapped", lattice)
	}
	if err := b.inverse.Inverse(mat.NewDense(3, 3, vectors)); err != nil {
		if pbc == "" { // a lattice of zeros, as for a molecule
			return nil, nil
		}
		return nil, fmt.Errorf("Lattice=%.60q has no volume, and the frame is periodic; "+
			"correct it, or write pbc=\"F F F\"", lattice)
	}
	return b, nil
}

// errWrapped refuses particles that a periodic box may have moved to its other side.
var errWrapped = errors.New("has particles further apart than half its periodic box, which may be wrapped; " +
	"unwrap them, and write pbc=\"F F F\" if they are whole already")

// check returns an error unless all particles of x [n*3] are within half a box of each other, in
// which case they are the nearest images of each other.
func (b *box) check(x []float64) error {
	var positions mat.Dense
	positions.Mul(mat.NewDense(len(x)/3, 3, x), &b.inverse)
	for k, periodic := range b.periodic {
		column := mat.Col(nil, k, &positions)
		lo, hi := column[0], column[0]
		for _, v := range column {
			lo, hi = min(lo, v), max(hi, v)
		}
		if periodic && hi-lo > 0.5 {
			return errWrapped
		}
	}
	return nil
}
