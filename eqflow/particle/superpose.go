package particle

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/mat"
)

// ShapeDistances returns the matrix [len(x)*len(y)] of the distances between configurations up to
// translation, rotation, reflection and relabelling. The definition is that of DEM
// (arXiv:2402.06121, function eot of its code) and ASBS (arXiv:2506.22565):
//
//	d(x, y)² = min_R Σ_i |x_i − R y_perm(i)|²,  perm = argmin Σ_i |x_i − y_perm(i)|
//
// with both means removed. perm is found first, without a rotation, and the orthogonal R
// afterwards. The result is an upper bound of the least distance. It is symmetric, close to the
// least distance for similar shapes, and the quantity that published figures report. Its rounding
// error is up to 1e-7 of the size of a configuration.
//
// The work is shared among all cores. report, which may be nil, receives the number of finished
// rows. If ctx ends, the error wraps that of ctx.
func ShapeDistances(ctx context.Context, x, y Batch, r Relabelling, report func(done, total int)) ([]float64, error) {
	return pairDistances(ctx, x, y, report, func() func(x, y []float64) float64 {
		s := newSuperposition(r, x.N, x.D)
		s.byDistance = true
		return s.squaredDistance
	})
}

// pairDistances returns the matrix [len(x)*len(y)] of the roots of a squared distance between
// mean-free configurations. Every core has a function of its own that computes them.
func pairDistances(
	ctx context.Context, x, y Batch, report func(done, total int), newSquared func() func(x, y []float64) float64,
) ([]float64, error) {
	x, y = x.Clone().RemoveMean(), y.Clone().RemoveMean()
	out := make([]float64, x.Len()*y.Len())
	var next, done atomic.Int64
	var group sync.WaitGroup
	var reports sync.Mutex
	for range min(runtime.GOMAXPROCS(0), x.Len()) {
		group.Go(func() {
			squared := newSquared()
			for i := int(next.Add(1)) - 1; i < x.Len() && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				for j := range y.Len() {
					out[i*y.Len()+j] = math.Sqrt(squared(x.At(i), y.At(j)))
				}
				if finished := done.Add(1); report != nil {
					reports.Lock()
					report(int(finished), x.Len())
					reports.Unlock()
				}
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("particle: stopped after the distances of %d of %d configurations: %w",
			done.Load(), x.Len(), ctx.Err())
	}
	return out, nil
}

// superposition superposes pairs of mean-free configurations of one size: one permutation first,
// then one rotation.
type superposition struct {
	d                int
	relabeller       *relabeller
	byDistance       bool // the permutation minimises the sum of distances, not that of squared distances
	cost, covariance []float64
}

func newSuperposition(r Relabelling, n, d int) *superposition {
	return &superposition{
		d: d, relabeller: r.relabeller(n), cost: make([]float64, n*n), covariance: make([]float64, d*d),
	}
}

func (s *superposition) squaredDistance(x, y []float64) float64 {
	return max(0, dot(x, x)+dot(y, y)-2*s.overlap(x, y))
}

// overlap returns the largest Σ_i x_i·R y_perm(i) over orthogonal R, for the permutation of least
// cost at R = 1.
func (s *superposition) overlap(x, y []float64) float64 {
	squaredDistances(s.cost, x, y, s.d)
	if s.byDistance {
		for k, v := range s.cost {
			s.cost[k] = math.Sqrt(v)
		}
	}
	clear(s.covariance)
	covarianceInto(s.covariance, x, y, s.d, s.relabeller.cheapest(s.cost))
	return nuclearNorm(s.covariance, s.d)
}

// nuclearNorm returns the sum of the singular values of a [d*d].
func nuclearNorm(a []float64, d int) float64 {
	switch d {
	case 2: // (s₁+s₂)² = |a|² + 2|det a|
		return math.Sqrt(dot(a, a) + 2*math.Abs(a[0]*a[3]-a[1]*a[2]))
	case 3:
		return nuclearNorm3(a)
	}
	var svd mat.SVD
	svd.Factorize(mat.NewDense(d, d, a), mat.SVDNone)
	return sum(svd.Values(nil))
}

// nuclearNorm3 returns the nuclear norm of a 3×3 matrix. The two larger singular values follow from
// the eigenvalues of aᵀa in closed form (Smith, Comm. ACM 4, 1961). The smallest would be inexact
// there and follows from the determinant.
func nuclearNorm3(a []float64) float64 {
	column := func(j int) [3]float64 { return [3]float64{a[j], a[3+j], a[6+j]} }
	inner := func(u, v [3]float64) float64 { return u[0]*v[0] + u[1]*v[1] + u[2]*v[2] }
	p, q, r := column(0), column(1), column(2)
	m00, m11, m22 := inner(p, p), inner(q, q), inner(r, r)
	m01, m02, m12 := inner(p, q), inner(p, r), inner(q, r)
	mean := (m00 + m11 + m22) / 3
	k00, k11, k22 := m00-mean, m11-mean, m22-mean
	spread := math.Sqrt((k00*k00 + k11*k11 + k22*k22 + 2*(m01*m01+m02*m02+m12*m12)) / 6)
	if spread <= 1e-12*mean {
		return 3 * math.Sqrt(mean)
	}
	half := (k00*(k11*k22-m12*m12) - m01*(m01*k22-m12*m02) + m02*(m01*m12-k11*m02)) / (2 * spread * spread * spread)
	angle := math.Acos(max(-1, min(1, half))) / 3
	first := mean + 2*spread*math.Cos(angle)
	third := mean + 2*spread*math.Cos(angle+2*math.Pi/3)
	s1, s2 := math.Sqrt(first), math.Sqrt(max(0, 3*mean-first-third))
	if s1*s2 == 0 {
		return s1
	}
	volume := p[0]*(q[1]*r[2]-q[2]*r[1]) + p[1]*(q[2]*r[0]-q[0]*r[2]) + p[2]*(q[0]*r[1]-q[1]*r[0])
	return s1 + s2 + math.Abs(volume)/(s1*s2)
}
