package target

import (
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The five minima of DW4: energies and sorted distances.
var dw4Minima = []struct {
	u float64
	d []float64
}{
	{-25.792, []float64{2.699, 2.699, 5.278, 5.421, 5.526, 5.526}},
	{-25.312, []float64{2.477, 2.664, 2.664, 2.849, 5.353, 5.353}},
	{-24.352, []float64{2.412, 2.412, 5.162, 5.162, 5.698, 5.698}},
	{-23.465, []float64{2.385, 2.706, 2.706, 2.706, 2.706, 4.859}},
	{-21.066, []float64{3.053, 3.053, 3.053, 5.288, 5.288, 5.288}},
}

func TestMinimaOfDW4(t *testing.T) {
	minima, err := Minima(DW4(), Search{})
	if err != nil {
		t.Fatal(err)
	}
	if len(minima) != len(dw4Minima) {
		t.Fatalf("%d minima, want %d: %+v", len(minima), len(dw4Minima), minima)
	}
	for i, want := range dw4Minima {
		near(t, "energy of a minimum", minima[i].Energy, want.u, 6e-4)
		for k, d := range want.d {
			near(t, "distance in a minimum", minima[i].Distances[k], d, 6e-4)
		}
	}
	minima[0].X[0] = 99
	again, err := Minima(DW4(), Search{})
	if err != nil || again[0].X[0] == 99 {
		t.Errorf("a caller can change the remembered minima (%v)", err)
	}
}

func TestBasins(t *testing.T) {
	minima, err := Minima(DW4(), Search{})
	if err != nil {
		t.Fatal(err)
	}
	batch := particle.NewBatch(len(minima)+1, 4, 2)
	for i, m := range minima {
		copied := particle.Relabel(m.X, 2, []int{2, 0, 3, 1})
		particle.Rotate(copied, particle.Rotation2(1.1), 2)
		copied[0] += 0.05
		copy(batch.At(i), copied)
	}
	// The first minimum at twice its size relaxes to the first minimum, but is far from thermal.
	for k, v := range minima[0].X {
		batch.At(len(minima))[k] = 2 * v
	}
	if got, want := Basins(DW4(), minima, batch, 6), []int{0, 1, 2, 3, 4, -1}; !slices.Equal(got, want) {
		t.Errorf("basins %v, want %v", got, want)
	}
}

// The lowest minimum is the icosahedron: 42 pairs at about rm, each with energy −2, and the trap.
func TestRelaxLeavesOverlaps(t *testing.T) {
	lj := LJ13()
	minima, err := Minima(lj, Search{Starts: 60, Spread: 0.5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	// Twice −44.3268, the known minimum of LJ13 without a trap, plus the trap's ½ Σ|x−com|² =
	// ½·12·0.9518² at the relaxed radius.
	near(t, "lowest energy of LJ13", minima[0].Energy, 2*-44.3268+5.6, 0.3)
	x := make([]float64, 39)
	for k := range x {
		x[k] = 1e-3 * float64(k*k%7)
	}
	if _, _, err := Relax(lj, x); err != nil {
		t.Errorf("near-coincident particles: %v", err)
	}
}

func TestLabels(t *testing.T) {
	x := []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}
	// The pairs 01, 02, 03 and 12 are longer than 4; 13 and 23 are shorter.
	label := LabelOf(x, 2, 4)
	if label != "111100" {
		t.Errorf("label %s, want 111100", label)
	}
	if !HasLabel(x, 2, 4, label) || HasLabel(x, 2, 4, "111101") {
		t.Error("HasLabel disagrees with LabelOf")
	}
	if k := LongPairs(x, 2, 4); k != 4 {
		t.Errorf("%d long pairs, want 4", k)
	}
	if shares := LongPairShares(particle.Batch{X: x, N: 4, D: 2}, 4); shares[4] != 1 || len(shares) != 7 {
		t.Errorf("shares %v, want all at k = 4 of 0 … 6", shares)
	}
}

// The minima of the chain of five beads are the forms of two dihedrals, each trans or gauche.
// Reversed and mirrored forms are the same minimum.
func TestMinimaOfTheChain(t *testing.T) {
	minima, err := Minima(chain(5), Search{Starts: 200})
	if err != nil {
		t.Fatal(err)
	}
	// The forms are tt, tg, and gg with equal and with opposite sense; the last has two close
	// beads.
	if len(minima) != 4 {
		t.Fatalf("%d minima", len(minima))
	}
	free := chain(5)
	free.Epsilon = 0
	for k, want := range []float64{0, 1.5, 3} {
		near(t, "minimum without pairs", free.EnergyForces(minima[k].X, nil), want, 0.1)
	}
	if minima[3].Energy < minima[2].Energy+0.5 {
		t.Errorf("turns of opposite sense cost %.2f, of equal sense %.2f", minima[3].Energy, minima[2].Energy)
	}
}
