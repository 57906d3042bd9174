package particle

import (
	"slices"

	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// coupleGroup is how many configurations are paired among themselves: the work grows with the square of it.
const coupleGroup = 64

// Couple returns the configurations of z in another order, each turned, reflected and relabelled, so that configuration i
// of the result lies near configuration i of x: the equivariant optimal-transport coupling of minibatches (Klein, Krämer
// and Noé, arXiv:2306.15030). Relabelled as r allows. x and z hold as many configurations and are mean-free.
//
// As there, a pair's distance is taken after assigning particles as they lie, and turning them once; and configurations are
// paired within groups of 64. The chosen pairs are then aligned until nothing improves. So the cost is low, not proven least.
func Couple(x, z Batch, r Relabelling) Batch {
	out := NewBatch(z.Len(), z.N, z.D)
	costs, partner := make([][]float64, x.Len()), make([]int, x.Len())
	group := func(i int) (from, to int) {
		from = i / coupleGroup * coupleGroup
		return from, min(from+coupleGroup, x.Len())
	}
	parallel.Each(x.Len(), func(i int) {
		on := newSuperposition(r, x.N, x.D)
		from, to := group(i)
		for j := from; j < to; j++ {
			costs[i] = append(costs[i], dot(z.At(j), z.At(j))-2*on.overlap(x.At(i), z.At(j)))
		}
	})
	for from := 0; from < x.Len(); from += coupleGroup {
		_, to := group(from)
		for i, j := range Assign(slices.Concat(costs[from:to]...), to-from) {
			partner[from+i] = from + j
		}
	}
	same := make([]float64, x.D*x.D)
	for k := range x.D {
		same[k*x.D+k] = 1
	}
	parallel.Each(x.Len(), func(i int) {
		j := partner[i]
		a := alternate(x.At(i), z.At(j), x.D, same, r.chooser(x.N), true)
		copy(out.At(i), z.At(j))
		if a.Perm != nil {
			copy(out.At(i), Relabel(z.At(j), x.D, a.Perm))
		}
		Rotate(out.At(i), a.Rotation, x.D)
	})
	return out
}
