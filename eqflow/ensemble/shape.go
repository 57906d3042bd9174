package ensemble

import (
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// ShapeOf returns what the rule of internal coordinates must know of a molecule. All rotors turn
// freely but the stiff ones, such as amides.
func ShapeOf(s *molecule.System) zmatrix.Shape {
	t := s.Topology()
	shape := zmatrix.Shape{Atoms: s.Atoms(), Bonds: t.Bonds, Alike: t.Equivalent, Heavy: make([]bool, s.Atoms())}
	for i, element := range s.Elements() {
		shape.Heavy[i] = element != "H"
	}
	for _, r := range t.Rotors {
		if r.Kind != molecule.Stiff {
			shape.Turning = append(shape.Turning, r.Bond)
		}
	}
	return shape
}
