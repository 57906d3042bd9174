package target

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func testTargets() []Target {
	custom := DoubleWell{N: 5, D: 3, A: 0.7, B: -2, C: 0.5, D0: 3, KT: 1.5}
	pairs := LJ13()
	pairs.Convention = PairsOnce
	wide := LennardJones{N: 4, D: 2, Epsilon: 1.3, Rm: 1.2, K: 0.5, KT: 0.8}
	mixed := Mixture{
		NA: 2, NB: 3, D: 2, Epsilon: 1.3, EpsilonAB: 0.7, Rm: 1.2, RmBB: 0.9, K: 0.5, KT: 0.8, Convention: PairsOnce,
	}
	flat := Chain{N: 6, D: 2, Kb: 3, B0: 1, Ka: 4, Theta0: 100, V1: 1, V2: 0.5, V3: -0.7, Epsilon: 0.3, Rm: 2, KT: 1.5}
	return []Target{
		DW4(), custom, LJ13(), pairs, wide, LJ55(), Harmonic{N: 4, D: 2, K: 1}, Harmonic{N: 3, D: 3, K: 2.5},
		mixture(8, 5), mixed, chain(2), chain(3), chain(4), chain(5), flat,
	}
}

// spread draws a configuration with particles near the points of a grid, so that no pair overlaps.
// Its centre is not at the origin.
func spread(t Target, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 1))
	side := int(math.Ceil(math.Pow(float64(t.Particles()), 1/float64(t.Dim()))))
	x := make([]float64, t.Particles()*t.Dim())
	apart := 1.2
	if c, ok := t.(Chain); ok {
		apart *= c.B0
	}
	for i := range t.Particles() {
		cell := i
		for k := range t.Dim() {
			x[i*t.Dim()+k] = apart*float64(cell%side) + 0.1*rng.NormFloat64() + 0.3
			cell /= side
		}
	}
	return x
}

func goBackend(t *testing.T) compute.Backend {
	t.Helper()
	backend, err := compute.NewWithConfig("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Finalize)
	return backend
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s = %.6g, want %.6g ± %.2g", what, got, want, tolerance)
	}
}

func TestForcesAreTheSlopeOfTheEnergy(t *testing.T) {
	for _, target := range testTargets() {
		x := spread(target, 3)
		forces := make([]float64, len(x))
		target.EnergyForces(x, forces)
		const h = 1e-5
		for k := range x {
			plus, minus := append([]float64(nil), x...), append([]float64(nil), x...)
			plus[k] += h
			minus[k] -= h
			slope := (target.EnergyForces(plus, nil) - target.EnergyForces(minus, nil)) / (2 * h)
			near(t, fmt.Sprintf("%s force %d", target.Name(), k), forces[k], -slope, 1e-6*(1+math.Abs(slope)))
		}
	}
}

func TestGraphAgreesWithPlainGo(t *testing.T) {
	backend := goBackend(t)
	for _, target := range testTargets() {
		batch := particle.NewBatch(3, target.Particles(), target.Dim())
		for i := range batch.Len() {
			copy(batch.At(i), spread(target, uint64(i)))
		}
		u, slope := graphEnergy[float64](t, backend, target, batch)
		u32, slope32 := graphEnergy[float32](t, backend, target, batch)
		forces := make([]float64, batch.N*batch.D)
		for i := range batch.Len() {
			want := target.EnergyForces(batch.At(i), forces)
			near(t, target.Name()+" float64", u[i], want, 1e-9*(1+math.Abs(want)))
			near(t, target.Name()+" float32", float64(u32[i]), want, 2e-5*(10+math.Abs(want)))
			for k, f := range forces {
				at := i*len(forces) + k
				near(t, target.Name()+" slope float64", slope[at], -f, 1e-8*(1+math.Abs(f)))
				near(t, target.Name()+" slope float32", float64(slope32[at]), -f, 1e-3*(1+math.Abs(f)))
			}
		}
	}
}

func graphEnergy[T float32 | float64](
	t *testing.T, backend compute.Backend, target Target, batch particle.Batch,
) (u, slope []T) {
	t.Helper()
	flat := make([]T, len(batch.X))
	for k, v := range batch.X {
		flat[k] = T(v)
	}
	x := tensors.FromFlatDataAndDimensions(flat, batch.Len(), batch.N, batch.D)
	out, err := graph.CallOnceN(backend, func(x *graph.Node) []*graph.Node {
		u := target.Energy(x)
		return []*graph.Node{u, graph.Gradient(graph.ReduceAllSum(u), x)[0]}
	}, x)
	if err != nil {
		t.Fatal(err)
	}
	return tensors.MustCopyFlatData[T](out[0]), tensors.MustCopyFlatData[T](out[1])
}

func TestEnergyKeepsTheSymmetries(t *testing.T) {
	for _, target := range testTargets() {
		x, d := spread(target, 5), target.Dim()
		want := target.EnergyForces(x, nil)
		perm := RelabellingOf(target).Random(rand.New(rand.NewPCG(2, 2)), target.Particles())
		moved := particle.Relabel(x, d, perm)
		// Two Givens rotations and a reflection of the last axis.
		particle.Rotate(moved, givens(d, 0.7), d)
		for i := d - 1; i < len(moved); i += d {
			moved[i] = -moved[i]
		}
		shift := make([]float64, d)
		shift[0], shift[d-1] = 3, -2
		particle.Translate(moved, shift)
		near(t, target.Name()+" moved", target.EnergyForces(moved, nil), want, 1e-9*(1+math.Abs(want)))
	}
}

// A relabelling that is not a symmetry of a system changes its energy.
func TestOtherRelabellingsChangeTheEnergy(t *testing.T) {
	for _, target := range testTargets() {
		r, n := RelabellingOf(target), target.Particles()
		perm := make([]int, n)
		for i := range perm {
			perm[i] = (i + n/2) % n
		}
		if r.All() || r.Allows(perm) {
			continue
		}
		x := spread(target, 6)
		before, after := target.EnergyForces(x, nil), target.EnergyForces(particle.Relabel(x, target.Dim(), perm), nil)
		if math.Abs(before-after) < 1e-3*math.Abs(before) {
			t.Errorf("%s: %v leaves the energy at %g", target.Name(), perm, before)
		}
	}
}

func givens(d int, angle float64) []float64 {
	r := make([]float64, d*d)
	for k := range d {
		r[k*d+k] = 1
	}
	sin, cos := math.Sincos(angle)
	r[0], r[d-1], r[(d-1)*d], r[d*d-1] = cos, -sin, sin, cos
	return r
}

func TestDoubleWellPair(t *testing.T) {
	pair := DW4()
	pair.N = 2
	// 4·0.9·r³ = 8·r at the wells: r = ±√(8/3.6) = ±1.4907, and u = −4²/(4·0.9) = −4.444 there.
	for _, d := range []float64{2.5093, 5.4907} {
		forces := make([]float64, 4)
		near(t, "depth", pair.EnergyForces([]float64{0, 0, d, 0}, forces), -4.4444, 1e-4)
		near(t, "slope in the well", forces[0], 0, 2e-3)
	}
	near(t, "barrier", pair.EnergyForces([]float64{0, 0, 0, 4}, nil), 0, 1e-12)
	near(t, "at d = 0", pair.EnergyForces(make([]float64, 4), make([]float64, 4)), -4*16+0.9*256, 1e-12)
	pair.KT = 2
	near(t, "kT halves u", pair.EnergyForces([]float64{0, 0, 2.5093, 0}, nil), -2.2222, 1e-4)
}

func TestLennardJonesConventions(t *testing.T) {
	pair := LennardJones{N: 2, D: 3, K: 1, Convention: PairsOnce}
	x := []float64{0, 0, 0, 1, 0, 0}
	// At d = rm: −ε from the pair and ½·2·(½)² = ¼ from the trap.
	near(t, "pairs", pair.EnergyForces(x, nil), -0.75, 1e-12)
	pair.Convention = Ordered
	near(t, "ordered", pair.EnergyForces(x, nil), -1.75, 1e-12)
	pair.Convention = ""
	near(t, "zero value is ordered", pair.EnergyForces(x, nil), -1.75, 1e-12)
	if u := pair.EnergyForces(make([]float64, 6), make([]float64, 6)); !math.IsInf(u, 1) {
		t.Errorf("coincident particles have u = %g, want +Inf", u)
	}
}

// A mixture of two equal types is the cluster of one type.
func TestMixtureOfLikeParticles(t *testing.T) {
	x := spread(LJ13(), 4)
	alike := Mixture{NA: 8, NB: 5, D: 3, K: 1}
	near(t, "energy", alike.EnergyForces(x, nil), LJ13().EnergyForces(x, nil), 1e-9)
	one := Mixture{NA: 1, NB: 1, D: 3, EpsilonAB: 2, RmAB: 1.5, K: 1, Convention: PairsOnce}
	// At d = rm of AB: −ε of AB, and ½·2·(¾)² from the trap.
	near(t, "a pair of two types", one.EnergyForces([]float64{0, 0, 0, 1.5, 0, 0}, nil), -2+0.5625, 1e-12)
}

// The energy of a chain is the sum of its bond, angle and dihedral terms.
func TestChainTerms(t *testing.T) {
	c := chain(4)
	sin, cos := math.Sincos(c.Theta0 * math.Pi / 180)
	for _, angle := range []float64{0, 60, 120, 180} {
		phi := angle * math.Pi / 180
		// Bond 1–2 lies along x. Beads 0 and 3 are at the angle Theta0, with the dihedral phi.
		x := []float64{
			2 * cos, 2 * sin, 0, 0, 0, 0, 2, 0, 0, 2 - 2*cos, 2 * sin * math.Cos(phi), 2 * sin * math.Sin(phi),
		}
		want := c.V1/2*(1+math.Cos(phi)) + c.V3/2*(1+math.Cos(3*phi))
		near(t, fmt.Sprintf("torsion at %g degrees", angle), c.EnergyForces(x, nil), want, 1e-4)
		near(t, "the angle", math.Abs(particle.Dihedral(x[:3], x[3:6], x[6:9], x[9:])), phi, 1e-7)
	}
	stretched := chain(2)
	near(t, "a bond of 2.5", stretched.EnergyForces([]float64{0, 0, 0, 2.5, 0, 0}, nil), 50.0/8, 1e-12)
	pair := chain(5)
	pair.Kb, pair.Ka, pair.V1, pair.V3 = 1e-9, 0, 0, 0
	x := []float64{0, 0, 0, 1, 1, 0, 2, 0, 1, 3, 1, 0, 4.5, 0, 0}
	near(t, "a pair at its minimum", pair.EnergyForces(x, nil), -0.5, 1e-6)
}

func TestReferencesOnlyForTheirConstants(t *testing.T) {
	pairs := LJ13()
	pairs.Convention = PairsOnce
	for want, target := range map[float64]Target{29.667: DW4(), 59.874: LJ13(), 39.250: pairs} {
		if r := target.Reference(); !r.Known || r.LogZ != want {
			t.Errorf("%s: reference %+v, want log Z %g", target.Name(), r, want)
		}
	}
	warm, five := DW4(), DW4()
	warm.KT, five.N = 2, 5
	for _, target := range []Target{warm, five, LJ55()} {
		if target.Reference().Known {
			t.Errorf("%s %+v: reference known", target.Name(), target)
		}
	}
	// log Z is ½·6·ln(2π/4).
	r := Harmonic{N: 4, D: 2, K: 4}.Reference()
	near(t, "harmonic log Z", r.LogZ, 3*math.Log(math.Pi/2), 1e-12)
	near(t, "harmonic entropy", r.Entropy, r.LogZ+r.MeanEnergy, 1e-12)
}

func TestEnergyForcesAllocatesNothing(t *testing.T) {
	for _, target := range testTargets() {
		x := spread(target, 1)
		forces := make([]float64, len(x))
		if n := testing.AllocsPerRun(10, func() { target.EnergyForces(x, forces) }); n > 0 {
			t.Errorf("%s: %g allocations for each evaluation", target.Name(), n)
		}
	}
}

// Lennard-Jones clusters measure lengths in the distance of a pair's minimum, if that is 1. DW4's
// unit has no name.
func TestLengthUnit(t *testing.T) {
	wide := LJ13()
	wide.Rm = 2
	for _, c := range []struct {
		t    Target
		want string
	}{{LJ13(), "r_{m}"}, {wide, ""}, {DW4(), ""}} {
		if got := LengthUnit(c.t); got != c.want {
			t.Errorf("%s has the unit %q, want %q", c.t.Name(), got, c.want)
		}
	}
}
