package molecule

import (
	"fmt"
	"slices"
	"testing"
)

// Two L-alanines between caps: three pairs of stiff amides, φ and ψ of each, and five methyls.
func TestTopologyOfATripeptide(t *testing.T) {
	system, structure := openTripeptide(t)
	if err := system.Attach(structure); err != nil {
		t.Fatal(err)
	}
	top := system.Topology()
	kinds := map[RotorKind]int{}
	for _, r := range top.Rotors {
		kinds[r.Kind]++
	}
	if kinds[Free] != 4 || kinds[Stiff] != 3 || kinds[Hydrogen] != 4 || len(top.Rings) != 0 || top.Molecules != 1 {
		t.Errorf("%v, rings %v, molecules %d", kinds, top.Rings, top.Molecules)
	}
	if len(top.Equivalent) != 4 || len(top.Stereocentres) != 2 {
		t.Errorf("equivalent %v, stereocentres %v", top.Equivalent, top.Stereocentres)
	}
	for _, c := range top.Stereocentres {
		if c.Handedness != "L" || c.Sign == 0 {
			t.Errorf("%+v", c)
		}
	}
}

// Exchanging equivalent atoms leaves the energy as it is; exchanging other hydrogens does not.
func TestEquivalentAtoms(t *testing.T) {
	for name := range systems {
		p, set := openTest(t, name)
		x := set.Batch.Select([]int{set.Batch.Len() - 1}).X
		want, _ := p.Energy(x, nil, nil)
		for _, list := range p.system.Topology().Equivalent {
			y := slices.Clone(x)
			copy(y[3*list[0]:3*list[0]+3], x[3*list[1]:3*list[1]+3])
			copy(y[3*list[1]:3*list[1]+3], x[3*list[0]:3*list[0]+3])
			if got, _ := p.Energy(y, nil, nil); relative([]float64{got}, []float64{want}) > 1e-12 {
				t.Errorf("%s: exchanging %v changes the energy from %g to %g", name, list[:2], want, got)
			}
		}
	}
}

// A methyl whose torsions name one hydrogen more often has only the other two alike.
func TestBrokenEquivalence(t *testing.T) {
	p, _ := openTest(t, "ff99sbildn-obc")
	for k, f := range p.system.Forces {
		if list, ok := f.Terms.(Torsions); ok {
			p.system.Forces[k].Terms = append(list, Torsion{Atoms: [4]int{2, 0, 4, 5}, Periodicity: 3, K: 1})
		}
	}
	if got := fmt.Sprint(p.system.Topology().Equivalent); got != "[[1 3] [13 14 15] [19 20 21]]" {
		t.Error(got)
	}
}

// Rings of known molecules: naphthalene, cubane's graph, two separate triangles, and a chain.
func TestRings(t *testing.T) {
	for _, c := range []struct {
		name  string
		n     int
		bonds [][2]int
		want  []int // lengths
	}{
		{"chain", 3, [][2]int{{0, 1}, {1, 2}}, nil},
		{"naphthalene", 10, [][2]int{
			{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {0, 5}, {4, 6}, {6, 7}, {7, 8}, {8, 9}, {5, 9}}, []int{6, 6}},
		{"cube", 8, [][2]int{
			{0, 1}, {1, 2}, {2, 3}, {0, 3}, {4, 5}, {5, 6}, {6, 7}, {4, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7}},
			[]int{4, 4, 4, 4, 4}},
		{"triangles joined", 6, [][2]int{{0, 1}, {1, 2}, {0, 2}, {2, 3}, {3, 4}, {4, 5}, {3, 5}}, []int{3, 3}},
	} {
		var lengths []int
		for _, ring := range newGraph(c.n, c.bonds).rings() {
			lengths = append(lengths, len(ring))
		}
		if !slices.Equal(lengths, c.want) {
			t.Errorf("%s: rings of %v atoms, not %v", c.name, lengths, c.want)
		}
	}
}
