package zmatrix

import (
	"errors"
	"fmt"

	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// ErrInput marks errors that a given molecule, file or configuration causes.
var ErrInput = errors.New("zmatrix: wrong input")

// inputErrorf returns an error that matches ErrInput and its cause.
func inputErrorf(format string, args ...any) error {
	return inputError{fmt.Errorf("zmatrix: "+format, args...)}
}

type inputError struct{ error }

func (e inputError) Error() string { return printable.Line(e.error.Error()) }

func (e inputError) Unwrap() []error { return []error{ErrInput, e.error} }

// Row places an atom by its distance from the atom Bond, its angle at Bond to the atom Angle, and
// its dihedral angle about the axis from Bond to Angle, to the atom Dihedral. The first row has no
// references, the second no angle and the third no dihedral angle; these are −1.
type Row struct {
	Atom     int `json:"atom"`
	Bond     int `json:"bond"`
	Angle    int `json:"angle"`
	Dihedral int `json:"dihedral"`
	// Soft says that the dihedral angle turns freely.
	Soft bool `json:"soft,omitempty"`
}

// ZMatrix says how the atoms of a molecule are placed, in this order. The second atom is bonded to
// the first, and the third to the second.
type ZMatrix []Row

// fewest is the number of atoms from which three of them span a plane.
const fewest = 3

// Atoms is the number n of atoms.
func (z ZMatrix) Atoms() int { return len(z) }

// Coordinates is the number of coordinates, 3n−3, the orientation's included.
func (z ZMatrix) Coordinates() int { return 3*len(z) - 3 }

// Shapes is the number of coordinates without the orientation, 3n−6.
func (z ZMatrix) Shapes() int { return 3*len(z) - 6 }

// BondOf is the number of row k's bond among the coordinates, for k ≥ 1.
func (z ZMatrix) BondOf(k int) int { return k - 1 }

// AngleOf is the number of row k's angle among the coordinates, for k ≥ 2.
func (z ZMatrix) AngleOf(k int) int { return len(z) + k - 3 }

// DihedralOf is the number of row k's dihedral angle among the coordinates, for k ≥ 3.
func (z ZMatrix) DihedralOf(k int) int { return 2*len(z) + k - 6 }

// AtomsOf returns the atoms of coordinate k: two of a bond, three of an angle, four of a dihedral
// angle.
func (z ZMatrix) AtomsOf(k int) []int {
	switch n := len(z); {
	case k < n-1:
		r := z[k+1]
		return []int{r.Atom, r.Bond}
	case k < 2*n-3:
		r := z[k-n+3]
		return []int{r.Atom, r.Bond, r.Angle}
	default:
		r := z[k-2*n+6]
		return []int{r.Atom, r.Bond, r.Angle, r.Dihedral}
	}
}

// Validate returns an error for the first row that cannot be placed.
func (z ZMatrix) Validate() error {
	if len(z) < fewest {
		return inputErrorf("%d atoms have no internal coordinates; at least %d have", len(z), fewest)
	}
	placed := make([]bool, len(z))
	for k, r := range z {
		if r.Atom < 0 || r.Atom >= len(z) || placed[r.Atom] {
			return inputErrorf("row %d places atom %d; each of the atoms 0 to %d stands in one row",
				k, r.Atom, len(z)-1)
		}
		references := []int{r.Bond, r.Angle, r.Dihedral}
		for m, i := range references {
			switch {
			case m >= k:
				if i != -1 {
					return inputErrorf("row %d has a reference too many", k)
				}
				continue
			case i < 0 || i >= len(z) || !placed[i]:
				return inputErrorf("row %d refers to atom %d, which no earlier row places", k, i)
			}
			for _, j := range references[:m] {
				if i == j {
					return inputErrorf("row %d refers to atom %d twice", k, i)
				}
			}
		}
		if r.Soft && k < 3 {
			return inputErrorf("row %d has no dihedral angle that is soft", k)
		}
		placed[r.Atom] = true
	}
	if z[2].Bond != z[1].Atom {
		return inputErrorf("row 2 begins at atom %d; the third atom is bonded to the second, atom %d",
			z[2].Bond, z[1].Atom)
	}
	return nil
}
