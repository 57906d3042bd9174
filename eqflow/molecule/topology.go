package molecule

import (
	"math"
	"slices"
)

// Topology is what the bonds and the parameters of a System say about its shape and symmetry.
type Topology struct {
	Bonds     [][2]int // i < j, ascending
	Molecules int      // connected parts
	// Rings are a basis of the cycles, the shortest first, each in the order around the ring.
	Rings [][]int
	// Rotors are the bonds outside rings about which two parts turn.
	Rotors []Rotor
	// Stereocentres are the atoms with four neighbours that differ in their elements and bonds,
	// however far away. Double bonds with cis and trans forms are not among them.
	Stereocentres []Stereocentre
	// Equivalent are the sets of atoms, such as the hydrogens of a methyl, that hang on one atom
	// and whose exchange leaves every term of the energy as it is. Exchanges of larger groups are
	// not looked for.
	Equivalent [][]int
}

// RotorKind says how freely a rotor turns.
type RotorKind string

// The kinds of rotors.
const (
	Free     RotorKind = "free"
	Stiff    RotorKind = "stiff"    // twofold terms hold it with StiffBarrier or more, as in amides
	Hydrogen RotorKind = "hydrogen" // one side turns hydrogens alone, as a methyl or a hydroxyl does
)

// StiffBarrier is the least barrier of a stiff rotor's twofold terms, kJ/mol, or 12 kT at 300 K.
const StiffBarrier = 30.0

// Rotor is a bond about which two parts of a molecule turn.
type Rotor struct {
	Bond [2]int
	Kind RotorKind
}

// Stereocentre is an atom with four different neighbours.
type Stereocentre struct {
	Atom       int
	Neighbours [4]int // ascending
	// Sign is that of (a−d)·((b−d)×(c−d)) for the neighbours a, b, c, d in the structure's first
	// model; 0 without a structure.
	Sign int
	// Handedness is "L" or "D" for an α-carbon with the atoms N, C and CB in a structure, else "".
	Handedness string
}

// Topology finds the rings, rotors, stereocentres and equivalent atoms.
func (s *System) Topology() Topology {
	g := newGraph(s.Atoms(), s.Bonds())
	t := Topology{Bonds: g.bonds, Molecules: g.parts(), Rings: g.rings(), Equivalent: s.equivalent(g)}
	t.Rotors = s.rotors(g)
	t.Stereocentres = s.stereocentres(g)
	return t
}

// rotors finds the bonds outside rings whose ends both have other neighbours.
func (s *System) rotors(g *graph) []Rotor {
	barriers, bridges := s.twofoldBarriers(), g.bridges()
	hydrogens := func(of, without int) bool {
		for _, k := range g.near[of] {
			if k != without && !s.light(k) {
				return false
			}
		}
		return true
	}
	var out []Rotor
	for _, b := range g.bonds {
		if len(g.near[b[0]]) < 2 || len(g.near[b[1]]) < 2 || !bridges[b] {
			continue
		}
		r := Rotor{Bond: b, Kind: Free}
		switch {
		case hydrogens(b[0], b[1]) || hydrogens(b[1], b[0]):
			r.Kind = Hydrogen
		case barriers[b] >= StiffBarrier:
			r.Kind = Stiff
		}
		out = append(out, r)
	}
	return out
}

// twofoldBarriers returns, for each central bond, the sum of 2K of its terms with period 2.
func (s *System) twofoldBarriers() map[[2]int]float64 {
	out := map[[2]int]float64{}
	for _, f := range s.Forces {
		torsions, _ := f.Terms.(Torsions)
		for _, t := range torsions {
			if t.Periodicity == 2 {
				i, j := t.Atoms[1], t.Atoms[2]
				out[[2]int{min(i, j), max(i, j)}] += 2 * math.Abs(t.K)
			}
		}
	}
	return out
}

// stereocentres finds the atoms with four neighbours of different colours.
func (s *System) stereocentres(g *graph) []Stereocentre {
	colours := g.colours(s.Elements(), s.Masses)
	var out []Stereocentre
	for i, near := range g.near {
		if len(near) != 4 {
			continue
		}
		c := Stereocentre{Atom: i, Neighbours: [4]int(near)}
		seen := map[int]bool{}
		for _, k := range near {
			seen[colours[k]] = true
		}
		if len(seen) == 4 {
			s.orient(&c)
			out = append(out, c)
		}
	}
	return out
}

// orient fills in what the structure says about a stereocentre.
func (s *System) orient(c *Stereocentre) {
	if s.Structure == nil {
		return
	}
	x := s.Structure.Models.At(0)
	sign := func(a, b, d, from int) int {
		volume := volumeOf(x, a, b, d, from)
		switch {
		case volume > 0:
			return 1
		case volume < 0:
			return -1
		}
		return 0
	}
	n := c.Neighbours
	c.Sign = sign(n[0], n[1], n[2], n[3])
	named := map[string]int{}
	for _, k := range n {
		named[s.Structure.Atoms[k].Name] = k
	}
	nitrogen, hasN := named["N"]
	carbonyl, hasC := named["C"]
	beta, hasB := named["CB"]
	if hasN && hasC && hasB {
		c.Handedness = map[int]string{1: "L", -1: "D"}[sign(nitrogen, carbonyl, beta, c.Atom)]
	}
}

// termKey identifies a term of the energy by its atoms, in a normal order, and its parameters.
type termKey struct {
	force  int
	atoms  [8]int
	values [6]float64
}

// termsOf returns the keys of the terms of each atom.
func (s *System) termsOf() [][]termKey {
	out := make([][]termKey, s.Atoms())
	for k, f := range s.Forces {
		for _, key := range termKeys(f.Terms) {
			key.force = k
			for n, i := range key.atoms {
				if i >= 0 && !slices.Contains(key.atoms[:n], i) {
					out[i] = append(out[i], key)
				}
			}
		}
	}
	return out
}

func termKeys(terms Terms) []termKey {
	var out []termKey
	add := func(values [6]float64, atoms ...int) {
		key := termKey{atoms: [8]int{-1, -1, -1, -1, -1, -1, -1, -1}, values: values}
		copy(key.atoms[:], atoms)
		out = append(out, key.normal())
	}
	switch list := terms.(type) {
	case Bonds:
		for _, t := range list {
			add([6]float64{t.Length, t.K}, t.I, t.J)
		}
	case Angles:
		for _, t := range list {
			add([6]float64{t.Theta, t.C}, t.I, t.J, t.K)
		}
	case Torsions:
		for _, t := range list {
			add([6]float64{float64(t.Periodicity), t.Phase, t.K}, t.Atoms[:]...)
		}
	case RBTorsions:
		for _, t := range list {
			add(t.C, t.Atoms[:]...)
		}
	case *Maps:
		for _, t := range list.Torsions {
			add([6]float64{float64(t.Grid)}, slices.Concat(t.A[:], t.B[:])...)
		}
	case *Nonbonded:
		for i, a := range list.Atoms {
			add([6]float64{a.Charge, a.Sigma, a.Epsilon}, i)
		}
		for _, e := range list.Exceptions {
			add([6]float64{e.Charge, e.Sigma, e.Epsilon}, e.I, e.J)
		}
	case *Born:
		for i, a := range list.Atoms {
			add([6]float64{a.Charge, a.Rho, a.Scaled, a.Alpha, a.Beta, a.Gamma}, i)
		}
	}
	return out
}

// normal turns the atoms of a bond, angle or torsion so that the lower end comes first; the energy
// is the same read from either end. The eight atoms of a map stay.
func (k termKey) normal() termKey {
	n := slices.Index(k.atoms[:], -1)
	if n > 0 && k.atoms[0] > k.atoms[n-1] {
		slices.Reverse(k.atoms[:n])
	}
	return k
}

// equivalent finds the sets of Topology.Equivalent.
func (s *System) equivalent(g *graph) [][]int {
	terms := s.termsOf()
	var out [][]int
	for _, near := range g.near {
		used := map[int]bool{}
		for _, i := range near {
			if used[i] || len(g.near[i]) != 1 {
				continue
			}
			set := []int{i}
			for _, j := range near {
				if j > i && !used[j] && len(g.near[j]) == 1 && s.Masses[i] == s.Masses[j] && exchange(terms, i, j) {
					set = append(set, j)
					used[j] = true
				}
			}
			if len(set) > 1 {
				out = append(out, set)
			}
		}
	}
	slices.SortFunc(out, slices.Compare)
	return out
}

// exchange reports whether the exchange of atoms i and j leaves the terms as they are.
func exchange(terms [][]termKey, i, j int) bool {
	count := map[termKey]int{}
	for _, key := range slices.Concat(terms[i], terms[j]) {
		count[key]++
		swapped := key
		for n, k := range key.atoms {
			switch k {
			case i:
				swapped.atoms[n] = j
			case j:
				swapped.atoms[n] = i
			}
		}
		count[swapped.normal()]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}
