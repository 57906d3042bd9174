package target

import (
	"math"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// batchOf draws configurations without overlaps, but the last has two particles on top of each
// other.
func batchOf(t Target, size int) particle.Batch {
	x := particle.NewBatch(size, t.Particles(), t.Dim())
	for i := range size {
		copy(x.At(i), spread(t, uint64(i)))
	}
	copy(x.At(size - 1)[:t.Dim()], x.At(size - 1)[t.Dim():2*t.Dim()])
	return x
}

// same reports whether two numbers have the same bits.
func same(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }

// Values of a batch have the bits of values of single configurations.
func TestBatchIsItsConfigurations(t *testing.T) {
	const size = 40
	own := MustFromGraph("own dw4 in batches", 4, 2, ownDW4)
	for _, target := range []Target{DW4(), LJ13(), chain(5), own} {
		x := batchOf(target, size)
		u, gradients := EnergiesGradients(target, x)
		both, virials := EnergiesVirials(target, x)
		if !slices.EqualFunc(Energies(target, x), u, same) || !slices.EqualFunc(both, u, same) {
			t.Errorf("%s: energies depend on what else is asked for", target.Name())
		}
		if !slices.EqualFunc(Virials(target, x), virials, same) {
			t.Errorf("%s: virials depend on what else is asked for", target.Name())
		}
		forces, all := make([]float64, x.N*x.D), Forces(target, x)
		for i := range size {
			want, virial := target.EnergyForces(x.At(i), forces), 0.0
			for k, f := range forces {
				virial -= x.At(i)[k] * f
				if !same(gradients.At(i)[k], -f) || !same(all.At(i)[k], f) {
					t.Errorf("%s: gradient %d of configuration %d is %g and force %g, want %g and %g",
						target.Name(), k, i, gradients.At(i)[k], all.At(i)[k], -f, f)
				}
			}
			if !same(u[i], want) || virials[i] != virial && !math.IsNaN(virial) {
				t.Errorf("%s: configuration %d has u = %g and virial %g, want %g and %g",
					target.Name(), i, u[i], virials[i], want, virial)
			}
		}
	}
}

func TestTame(t *testing.T) {
	infinite := math.Inf(1)
	for _, c := range []struct{ u, cut, tamed, slope float64 }{
		{-3, 10, -3, 1}, {10, 10, 10, 1}, {10 + math.E - 1, 10, 11, 1 / math.E},
		{infinite, 10, infinite, 0}, {5, infinite, 5, 1},
	} {
		tamed, slope := Tame(c.u, c.cut)
		if tamed != c.tamed && !(math.Abs(tamed-c.tamed) < 1e-12) || !(math.Abs(slope-c.slope) < 1e-12) {
			t.Errorf("u = %g, cut %g: %g, slope %g; want %g, slope %g", c.u, c.cut, tamed, slope, c.tamed, c.slope)
		}
	}
	if tamed, _ := Tame(math.NaN(), 10); !math.IsNaN(tamed) {
		t.Errorf("NaN becomes %g", tamed)
	}
}

// The tamed gradient is the slope of the tamed energy, and zero at an overlap of infinite energy.
func TestTamedGradients(t *testing.T) {
	const h, cut = 1e-6, -20
	lj := LJ13()
	x := batchOf(lj, 3)
	u, gradients := TamedEnergiesGradients(lj, x, cut)
	tamed := func(x []float64) float64 { v, _ := Tame(lj.EnergyForces(x, nil), cut); return v }
	for i := range 2 {
		if u[i] <= cut || !same(u[i], tamed(x.At(i))) {
			t.Fatalf("configuration %d: tamed energy %g, want %g, beyond the cut", i, u[i], tamed(x.At(i)))
		}
		for k := range 5 {
			plus, minus := slices.Clone(x.At(i)), slices.Clone(x.At(i))
			plus[k], minus[k] = plus[k]+h, minus[k]-h
			near(t, "tamed gradient", gradients.At(i)[k], (tamed(plus)-tamed(minus))/(2*h), 1e-6)
		}
	}
	if !math.IsInf(u[2], 1) || slices.ContainsFunc(gradients.At(2), func(v float64) bool { return v != 0 }) {
		t.Errorf("an overlap has energy %g and gradient %v", u[2], gradients.At(2))
	}
}

// Forces of a bridge are the slope of its energy, tamed or not, and its ends are the normal and the
// target.
func TestBridge(t *testing.T) {
	const h = 1e-6
	lj := LJ13()
	x := spread(lj, 7)
	particle.RemoveMean(x, 3)
	square := 0.0
	for _, v := range x {
		square += v * v
	}
	u, forces := lj.EnergyForces(x, nil), make([]float64, len(x))
	for _, cut := range []float64{-30, math.Inf(1)} {
		tamed, _ := Tame(u, cut)
		for lambda, want := range map[float64]float64{0: square / 4, 0.3: 0.7*square/4 + 0.3*tamed, 1: u} {
			b := Bridge{Target: lj, Lambda: lambda, Variance: 2, Cut: cut}
			got := b.EnergyForces(x, forces)
			near(t, "energy of the bridge", got, want, 1e-12*math.Abs(want))
			if alone := b.EnergyForces(x, nil); alone != got {
				t.Errorf("λ = %g: energy %g without forces, %g with them", lambda, alone, got)
			}
			for k := range 5 {
				plus, minus := slices.Clone(x), slices.Clone(x)
				plus[k], minus[k] = plus[k]+h, minus[k]-h
				// x need not be mean-free here: a bridge does not remove the mean from |x|².
				slope := (b.EnergyForces(plus, nil) - b.EnergyForces(minus, nil)) / (2 * h)
				near(t, "force of the bridge", forces[k], -slope, 1e-6*(1+math.Abs(slope)))
			}
		}
	}
}
