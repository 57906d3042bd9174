package particle

import (
	"math"
	"runtime"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// coupleGroup is how many configurations are paired among themselves: the work grows with the square of it.
const coupleGroup = 64

// Couple returns the configurations of z in another order, each turned, reflected and relabelled, so that configuration i
// of the result lies near configuration i of x: the equivariant optimal-transport coupling of minibatches (Klein, Krämer
// and Noé, arXiv:2306.15030). x and z hold as many configurations and are mean-free.
//
// As there, a pair's distance is taken after assigning particles as they lie, and turning them once; and configurations are
// paired within groups of 64. The chosen pairs are then aligned until nothing improves. So the cost is low, not proven least.
func Couple(x, z Batch) Batch {
	out := NewBatch(z.Len(), z.N, z.D)
	var wait sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for from := 0; from < x.Len(); from += coupleGroup {
		to := min(from+coupleGroup, x.Len())
		wait.Add(1)
		go func() {
			defer wait.Done()
			free <- struct{}{}
			coupleInto(out.Slice(from, to), x.Slice(from, to), z.Slice(from, to))
			<-free
		}()
	}
	wait.Wait()
	return out
}

// coupleInto couples one group.
func coupleInto(out, x, z Batch) {
	cost := make([][]float64, x.Len())
	for i := range cost {
		cost[i] = make([]float64, z.Len())
		for j := range cost[i] {
			cost[i][j] = dot(z.At(j), z.At(j)) - 2*overlap(x.At(i), z.At(j), x.D)
		}
	}
	same := make([]float64, x.D*x.D)
	for k := range x.D {
		same[k*x.D+k] = 1
	}
	for i, j := range Assign(cost) {
		a := alternate(x.At(i), z.At(j), x.D, same, true)
		copy(out.At(i), z.At(j))
		if a.Perm != nil {
			copy(out.At(i), Relabel(z.At(j), x.D, a.Perm))
		}
		Rotate(out.At(i), a.Rotation, x.D)
	}
}

// overlap is the largest Σ_i x_i·R z_perm(i) over orthogonal R, for the perm that assigns the particles as they lie.
func overlap(x, z []float64, d int) float64 {
	covariance := make([]float64, d*d)
	for i, from := range Assign(squaredDistances(x, z, d)) {
		for row := range d {
			for col := range d {
				covariance[row*d+col] += x[i*d+row] * z[from*d+col]
			}
		}
	}
	return nuclear(covariance, d)
}

// nuclear is the sum of the singular values of a [d*d]. In the plane (s₁+s₂)² = |a|² + 2|det a|.
func nuclear(a []float64, d int) float64 {
	if d == 2 {
		return math.Sqrt(dot(a, a) + 2*math.Abs(a[0]*a[3]-a[1]*a[2]))
	}
	var svd mat.SVD
	svd.Factorize(mat.NewDense(d, d, a), mat.SVDNone)
	sum := 0.0
	for _, s := range svd.Values(nil) {
		sum += s
	}
	return sum
}
