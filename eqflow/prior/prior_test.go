package prior_test

import (
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

func logProb(t *testing.T, backend *xla.Opened, p prior.MeanFree, z particle.Batch) []float64 {
	t.Helper()
	out, err := CallOnce(backend.Backend, p.LogProb, tensors.FromFlatDataAndDimensions(z.X, z.Len(), z.N, z.D))
	if err != nil {
		t.Fatal(err)
	}
	return out.Value().([]float64)
}

// The density is the product of the normal densities of orthonormal coordinates of the subspace.
func TestDensityInCoordinatesOfTheSubspace(t *testing.T) {
	xlatest.Each(t, func(t *testing.T, backend *xla.Opened) {
		for _, p := range []prior.MeanFree{{N: 4, D: 2}, {N: 13, D: 3}} {
			z := p.Sample(rand.New(rand.NewPCG(1, 2)), 5)
			basis := particle.MeanFreeBasis(p.N, p.D)
			if len(basis[0]) != p.DegreesOfFreedom() {
				t.Fatalf("%d degrees of freedom, the subspace has %d", p.DegreesOfFreedom(), len(basis[0]))
			}
			for i, got := range logProb(t, backend, p, z) {
				want := 0.0
				for k := range basis[0] {
					y := 0.0
					for row, x := range z.At(i) {
						y += basis[row][k] * x
					}
					want += -y*y/2 - math.Log(2*math.Pi)/2
				}
				if math.Abs(got-want) > 1e-10 {
					t.Errorf("%+v: log-density %.12f, want %.12f", p, got, want)
				}
			}
		}
	})
}

// Without the mean, each coordinate has the variance (n−1)/n, and any two particles have the
// covariance −1/n.
func TestMomentsOfDraws(t *testing.T) {
	p, size := prior.MeanFree{N: 4, D: 2}, 40000
	z := p.Sample(rand.New(rand.NewPCG(3, 4)), size)
	var variance, covariance, square float64
	for i := range size {
		x := z.At(i)
		for k := range p.D {
			mean := x[k] + x[p.D+k] + x[2*p.D+k] + x[3*p.D+k]
			if math.Abs(mean) > 1e-14 {
				t.Fatalf("draw %d has its centre of mass off by %g", i, mean/4)
			}
		}
		variance += x[5] * x[5] / float64(size)
		covariance += x[0] * x[4] / float64(size)
		for _, v := range x {
			square += v * v / float64(size)
		}
	}
	// The standard errors of 40 000 draws are near 0.005, 0.004 and 0.017; a bound is four of them.
	for _, c := range []struct {
		what             string
		got, want, bound float64
	}{
		{"variance", variance, 0.75, 0.02}, {"covariance", covariance, -0.25, 0.016},
		{"mean square length", square, 6, 0.07},
	} {
		if math.Abs(c.got-c.want) > c.bound {
			t.Errorf("%s is %g, want %g", c.what, c.got, c.want)
		}
	}
}

// The entropy is minus the mean log-density of the prior's draws.
func TestEntropy(t *testing.T) {
	p := prior.MeanFree{N: 13, D: 3}
	sum, size := 0.0, 4000
	for _, l := range logProb(t, xlatest.OpenGo(t), p, p.Sample(rand.New(rand.NewPCG(5, 6)), size)) {
		sum -= l / float64(size)
	}
	// The standard deviation of the log-density is √(dof/2) = 4.2, and that of the mean is 0.067.
	if math.Abs(sum-p.Entropy()) > 0.27 {
		t.Errorf("entropy %g, the draws say %g", p.Entropy(), sum)
	}
}

func TestSameSourceSameDraws(t *testing.T) {
	p := prior.MeanFree{N: 3, D: 3}
	a, b := p.Sample(rand.New(rand.NewPCG(7, 8)), 4), p.Sample(rand.New(rand.NewPCG(7, 8)), 4)
	for i := range a.X {
		if a.X[i] != b.X[i] {
			t.Fatal("the same source gave other draws")
		}
	}
}
