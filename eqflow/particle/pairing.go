package particle

import (
	"slices"

	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// pairingGroup is the number of configurations that are paired among themselves. The work per
// configuration grows in proportion to it.
const pairingGroup = 64

// PairBatches returns the configurations of z in a new order, each rotated, reflected and
// relabelled as r allows, so that configuration i of the result lies near configuration i of x.
// This is the equivariant optimal-transport coupling of minibatches (Klein, Krämer and Noé,
// arXiv:2306.15030). x and z are mean-free and of equal length.
//
// As in that paper, the distance of a pair is computed with one assignment of the particles, before
// any rotation, and one rotation after it. Configurations are paired within groups of 64. The
// chosen pairs are then aligned until the distance no longer falls. The total cost is therefore
// low, but not proven to be minimal.
func PairBatches(x, z Batch, r Relabelling) Batch {
	partner := pairs(x, z, r)
	unrotated := make([]float64, x.D*x.D)
	for k := range x.D {
		unrotated[k*x.D+k] = 1
	}
	out := NewBatch(z.Len(), z.N, z.D)
	parallel.Each(x.Len(), func(i int) {
		j := partner[i]
		a := alternate(x.At(i), z.At(j), x.D, unrotated, r.relabeller(x.N), true)
		copy(out.At(i), z.At(j))
		if a.Perm != nil {
			copy(out.At(i), Relabel(z.At(j), x.D, a.Perm))
		}
		Rotate(out.At(i), a.Rotation, x.D)
	})
	return out
}

// pairs returns the index of the partner in z of each configuration of x.
func pairs(x, z Batch, r Relabelling) []int {
	group := func(i int) (from, to int) {
		from = i / pairingGroup * pairingGroup
		return from, min(from+pairingGroup, x.Len())
	}
	costs := make([][]float64, x.Len())
	parallel.Each(x.Len(), func(i int) {
		s := newSuperposition(r, x.N, x.D)
		from, to := group(i)
		for j := from; j < to; j++ {
			// |x_i|² is the same for every j.
			costs[i] = append(costs[i], dot(z.At(j), z.At(j))-2*s.overlap(x.At(i), z.At(j)))
		}
	})
	partner := make([]int, x.Len())
	for from := 0; from < x.Len(); from += pairingGroup {
		_, to := group(from)
		for i, j := range Assign(slices.Concat(costs[from:to]...), to-from) {
			partner[from+i] = from + j
		}
	}
	return partner
}
