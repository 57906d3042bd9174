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
	h := s.NewHands()
	h.Add(x)
	return h.Chiralities()
}

// Hands counts the hands of configurations that come in batches.
type Hands struct {
	system             *System
	positive, negative []int // by stereocentre
}

// NewHands returns counts of no configurations.
func (s *System) NewHands() *Hands {
	centres := len(s.Topology().Stereocentres)
	return &Hands{s, make([]int, centres), make([]int, centres)}
}

// Add counts configurations [N, n, 3].
func (h *Hands) Add(x particle.Batch) {
	for k, c := range h.system.Topology().Stereocentres {
		n := c.Neighbours
		for i := range x.Len() {
			if volumeOf(x.At(i), n[0], n[1], n[2], n[3]) > 0 {
				h.positive[k]++
			} else {
				h.negative[k]++
			}
		}
	}
}

// Chiralities returns the counts.
func (h *Hands) Chiralities() []Chirality {
	var out []Chirality
	for i, c := range h.system.Topology().Stereocentres {
		positive, negative := h.positive[i], h.negative[i]
		k := Chirality{
			Atom: c.Atom, Label: h.system.Label(c.Atom), Kept: positive, Mirrored: negative, Hand: c.Handedness,
		}
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
