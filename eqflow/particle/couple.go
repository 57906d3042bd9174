package particle

import (
	"runtime"
	"sync"
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
	var wait sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for from := 0; from < x.Len(); from += coupleGroup {
		to := min(from+coupleGroup, x.Len())
		wait.Add(1)
		go func() {
			defer wait.Done()
			free <- struct{}{}
			coupleInto(out.Slice(from, to), x.Slice(from, to), z.Slice(from, to), r)
			<-free
		}()
	}
	wait.Wait()
	return out
}

// coupleInto couples one group.
func coupleInto(out, x, z Batch, r Relabelling) {
	size, on := x.Len(), newSuperposition(r, x.N, x.D)
	cost := make([]float64, size*size)
	for i := range size {
		for j := range size {
			cost[i*size+j] = dot(z.At(j), z.At(j)) - 2*on.overlap(x.At(i), z.At(j))
		}
	}
	same := make([]float64, x.D*x.D)
	for k := range x.D {
		same[k*x.D+k] = 1
	}
	for i, j := range Assign(cost, size) {
		a := alternate(x.At(i), z.At(j), x.D, same, on.among, true)
		copy(out.At(i), z.At(j))
		if a.Perm != nil {
			copy(out.At(i), Relabel(z.At(j), x.D, a.Perm))
		}
		Rotate(out.At(i), a.Rotation, x.D)
	}
}
