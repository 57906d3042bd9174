package molecule

import "github.com/eqflow/gonb-eqflow/eqflow/particle"

// Chirality counts the configurations of each hand at one stereocentre. Energies of most force
// fields do not change under reflection, so that samples may hold mirror images, which are other
// molecules.
type Chirality struct {
	Atom  int    `json:"atom"`  // the stereocentre
	Label string `json:"label"` // of the atom
	// Kept and Mirrored count the configurations with the hand of the structure and with the other
	// one. Without a structure, Kept is the more frequent hand.
	Kept     int `json:"kept"`
	Mirrored int `json:"mirrored"`
	// Hand is that of the structure: L or D of an amino acid, else "".
	Hand string `json:"hand,omitempty"`
}

// Chiralities counts the hands of configurations x [N, n, 3] at every stereocentre.
func (s *System) Chiralities(x particle.Batch) []Chirality {
	var out []Chirality
	for _, c := range s.Topology().Stereocentres {
		var positive, negative int
		n := c.Neighbours
		for i := range x.Len() {
			switch one := x.At(i); {
			case volumeOf(one, n[0], n[1], n[2], n[3]) > 0:
				positive++
			default:
				negative++
			}
		}
		k := Chirality{Atom: c.Atom, Label: s.Label(c.Atom), Kept: positive, Mirrored: negative, Hand: c.Handedness}
		if c.Sign < 0 || c.Sign == 0 && negative > positive {
			k.Kept, k.Mirrored = negative, positive
		}
		out = append(out, k)
	}
	return out
}

// volumeOf is (a−o)·((b−o)×(c−o)) of atoms in x [n*3].
func volumeOf(x []float64, a, b, c, o int) float64 {
	origin := at(x, o)
	return at(x, a).minus(origin).dot(at(x, b).minus(origin).cross(at(x, c).minus(origin)))
}
