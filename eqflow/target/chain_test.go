package target

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// sampler returns a function that draws numbers from a density on [lo, hi], by its distribution
// function on a grid.
func sampler(rng *rand.Rand, lo, hi float64, density func(s float64) float64) func() float64 {
	const cells = 20000
	sums := make([]float64, cells+1)
	width := (hi - lo) / cells
	for k := range cells {
		sums[k+1] = sums[k] + density(lo+(float64(k)+0.5)*width)
	}
	return func() float64 {
		target := rng.Float64() * sums[cells]
		at, _ := slices.BinarySearch(sums, target)
		k := max(1, at)
		return lo + (float64(k-1)+(target-sums[k-1])/(sums[k]-sums[k-1]))*width
	}
}

// frame is the direction x of a chain's last bond, and two directions perpendicular to it. The
// previous bead lies on the side of y.
type frame struct{ x, y, z [3]float64 }

// next returns the frame of the next bond: c is the cosine of the angle between the bonds, and phi
// their dihedral.
func (f frame) next(c, phi float64) (to frame) {
	sin := math.Sqrt(1 - c*c)
	for a := range 3 {
		to.x[a] = -c*f.x[a] + sin*(math.Cos(phi)*f.y[a]+math.Sin(phi)*f.z[a])
	}
	for a := range 3 {
		to.y[a] = (-f.x[a] - c*to.x[a]) / sin // the last bond, reversed, without its part along the next bond
	}
	x, y := to.x, to.y
	to.z = [3]float64{x[1]*y[2] - x[2]*y[1], x[2]*y[0] - x[0]*y[2], x[0]*y[1] - x[1]*y[0]}
	return to
}

// idealSampler returns a function that draws independent chains without pairs, bead by bead: each
// bond, angle and dihedral comes from its own density.
func (t Chain) idealSampler(rng *rand.Rand) func(x []float64) {
	boltzmann := func(u, _ float64) float64 { return math.Exp(-u / t.kt()) }
	length := sampler(rng, t.B0/2, t.B0*3/2, func(b float64) float64 { return b * b * boltzmann(t.bond(b)) })
	cosine := sampler(rng, -1, 1, func(c float64) float64 { return boltzmann(t.bend(c)) })
	dihedral := sampler(rng, -math.Pi, math.Pi, func(phi float64) float64 { return boltzmann(t.twist(math.Cos(phi))) })
	return func(x []float64) {
		f := frame{[3]float64{1}, [3]float64{0, 1}, [3]float64{0, 0, 1}}
		clear(x[:3])
		for k := 1; k < t.N; k++ {
			switch {
			case k == 2:
				f = f.next(cosine(), 0)
			case k > 2:
				f = f.next(cosine(), dihedral())
			}
			b := length()
			for a := range 3 {
				x[3*k+a] = x[3*(k-1)+a] + b*f.x[a]
			}
		}
	}
}

// Chains without pairs, drawn bead by bead, have the mean energy of the quadrature. Reweighted with
// the pair of beads one and five, they have the values of the reference.
func TestChainReferences(t *testing.T) {
	const draws = 100_000
	c := chain(5)
	ideal := c
	ideal.Epsilon = 0
	draw := c.idealSampler(rand.New(rand.NewPCG(1, 5)))
	x := make([]float64, 15)
	var sum, squares, z, zu, zz float64
	for range draws {
		draw(x)
		u := ideal.EnergyForces(x, nil)
		sum, squares = sum+u, squares+u*u
		all := c.EnergyForces(x, nil)
		w := math.Exp(u - all)
		z, zu, zz = z+w, zu+w*all, zz+w*w
	}
	mean := sum / draws
	near(t, "⟨u⟩ without pairs", mean, ideal.Reference().MeanEnergy, 4*math.Sqrt((squares/draws-mean*mean)/draws))
	want := c.Reference()
	spread := math.Sqrt((zz/draws)/(z/draws*z/draws)-1) / math.Sqrt(draws)
	near(t, "log Z", ideal.Reference().LogZ+math.Log(z/draws), want.LogZ, 4*math.Hypot(spread, want.LogZError))
	near(t, "⟨u⟩", zu/z, want.MeanEnergy, 0.04) // the standard deviation of u is 2.5
}

// A chain that has only springs of zero length is a Gaussian: log Z = (n−1)·3/2·ln(2π/Kb) − 3/2·ln
// n, because a path has one spanning tree.
func TestChainOfIdealSprings(t *testing.T) {
	for n := 3; n < 6; n++ {
		r := Chain{N: n, D: 3, Kb: 2, B0: 1e-9}.Reference()
		near(t, "log Z", r.LogZ, 1.5*float64(n-1)*math.Log(math.Pi)-1.5*math.Log(float64(n)), 1e-6)
		near(t, "⟨u⟩", r.MeanEnergy, 1.5*float64(n-1), 1e-6)
	}
}
