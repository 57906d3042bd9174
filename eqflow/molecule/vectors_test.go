package molecule

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// engineOf returns the engine in C of a test system.
func engineOf(t testing.TB, p *Potential, precision Precision) Engine {
	t.Helper()
	e, err := NewEngine(p.system, Options{}, precision)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := e.(*vectors); ok != inC {
		t.Fatalf("the engine is %T", e)
	}
	return e
}

// perturbed returns the configurations with noise, from none to as much as tears bonds and lets
// atoms meet.
func perturbed(x particle.Batch) particle.Batch {
	rng := rand.New(rand.NewPCG(1, 1))
	out := particle.Batch{N: x.N, D: x.D}
	for _, noise := range []float64{0, 0.003, 0.02, 0.05} {
		for _, v := range x.X {
			out.X = append(out.X, v+noise*rng.NormFloat64())
		}
	}
	return out
}

// thermal is the norm of the forces of alanine dipeptide at room temperature, kJ/mol/nm. Near a
// minimum the forces cancel, and their rounding is that of the larger terms.
const thermal = 5000

// within fails if an engine differs from the potential in Go by more than a tolerance: energies
// relative to the sum of the forces' absolute energies, forces to their norm or the thermal one.
func within(t *testing.T, name string, e Engine, p *Potential, x particle.Batch, tolerance float64) {
	t.Helper()
	want, err := Evaluate(context.Background(), p, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Evaluate(context.Background(), e, x, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, n := len(p.system.Forces), 3*x.N
	energy, forces := 0.0, 0.0
	for i := range want.Total {
		scale := 0.0
		for f := i * k; f < (i+1)*k; f++ {
			scale += math.Abs(want.ByForce[f])
		}
		energy = max(energy, math.Abs(got.Total[i]-want.Total[i])/scale)
		for f := i * k; f < (i+1)*k; f++ {
			energy = max(energy, math.Abs(got.ByForce[f]-want.ByForce[f])/scale)
		}
		difference, norm := 0.0, 0.0
		for f := i * n; f < (i+1)*n; f++ {
			difference += (got.Forces[f] - want.Forces[f]) * (got.Forces[f] - want.Forces[f])
			norm += want.Forces[f] * want.Forces[f]
		}
		forces = max(forces, math.Sqrt(difference)/max(thermal, math.Sqrt(norm)))
	}
	t.Logf("%-22s energy %.1e, forces %.1e", name, energy, forces)
	if !(energy < tolerance && forces < tolerance) {
		t.Errorf("%s differs from Go by %g and %g, more than %g", name, energy, forces, tolerance)
	}
}

// The C agrees with Go on every force field, from minima to steep walls: in float64 to 1e-12, in
// float32 to 3e-5. Lanes without a configuration change nothing.
func TestEnergiesInC(t *testing.T) {
	for _, set := range everyFunctions() {
		set.use()
		for name := range systems {
			p, data := openTest(t, name)
			x := perturbed(data.Batch)
			x = x.Slice(0, x.Len()-1) // not a multiple of the block
			within(t, name, engineOf(t, p, Double), p, x, 1e-12)
			within(t, name+", float32", engineOf(t, p, Single), p, x, 3e-5)
		}
		set.restore()
	}
}

// change edits the forces of a System.
func change(s *System, do func(f *Force)) {
	for k := range s.Forces {
		do(&s.Forces[k])
	}
}

// born returns an edit of the solvent.
func born(do func(b *Born)) func(s *System) {
	return func(s *System) {
		change(s, func(f *Force) {
			if b, ok := f.Terms.(*Born); ok {
				do(b)
			}
		})
	}
}

// Torsions of other phases and high periods, pairs without a solvent, salt, HCT with a cutoff, and
// solvents without one of their polar terms.
func TestRareTermsInC(t *testing.T) {
	for name, edit := range map[string]func(s *System){
		"phases": func(s *System) {
			change(s, func(f *Force) {
				if torsions, ok := f.Terms.(Torsions); ok {
					torsions[0].Phase, torsions[1].Phase, torsions[2].Periodicity = 0.7, -2, 0
					torsions[3].Periodicity = 13
				}
			})
		},
		"vacuum": func(s *System) {
			change(s, func(f *Force) {
				if _, ok := f.Terms.(*Born); ok {
					f.Terms = NoEnergy{}
				}
			})
		},
		"switched": func(s *System) {
			change(s, func(f *Force) {
				if n, ok := f.Terms.(*Nonbonded); ok {
					n.Cutoff, n.Dielectric, n.Switch = 0.6, 78.5, 0.4
				}
			})
		},
		"salt":          born(func(b *Born) { b.Kappa = 1.2 }),
		"salt, cutoff":  born(func(b *Born) { b.Kappa, b.Cutoff, b.PairShift = 1.2, 0.5, 2 }),
		"HCT":           born(func(b *Born) { b.HCT = true }),
		"without pairs": born(func(b *Born) { b.PolarPairs = false }),
		"without self":  born(func(b *Born) { b.PolarSelf, b.Engulfed = false, false }),
		"engulfed": born(func(b *Born) {
			b.Atoms[3].Rho, b.Atoms[3].Scaled, b.Atoms[7].Rho, b.Atoms[7].Scaled = 0.05, 0.04, 0.4, 0.38
		}),
	} {
		for _, file := range []string{"ff99sbildn-obc", "amber14-obc2-cutoff"} {
			_, data := openTest(t, file)
			s, err := ReadSystem(filepath.Join("testdata", file+".xml"))
			if err != nil {
				t.Fatal(err)
			}
			edit(s)
			p, err := NewPotential(s, Options{})
			if err != nil {
				t.Fatal(err)
			}
			within(t, name, engineOf(t, p, Double), p, perturbed(data.Batch), 1e-12)
		}
	}
}

// The forces of the C are its own gradient, straight angles and flat torsions included.
func TestForcesInCAreTheGradient(t *testing.T) {
	const step = 1e-6 // nm
	for _, name := range []string{"ff99sbildn-obc", "small"} {
		p, data := openTest(t, name)
		e := engineOf(t, p, Double)
		x := data.Batch.Slice(0, 2).Clone()
		n := len(x.At(0))
		copies := particle.NewBatch(2*n, x.N, 3)
		for i := range x.Len() {
			for k := range n {
				copy(copies.At(2*k), x.At(i))
				copy(copies.At(2*k+1), x.At(i))
				copies.At(2 * k)[k] += step
				copies.At(2*k + 1)[k] -= step
			}
			moved, err := Evaluate(context.Background(), e, copies, nil)
			if err != nil {
				t.Fatal(err)
			}
			at, err := Evaluate(context.Background(), e, x.Slice(i, i+1), nil)
			if err != nil {
				t.Fatal(err)
			}
			numeric := make([]float64, n)
			for k := range n {
				numeric[k] = (moved.Total[2*k+1] - moved.Total[2*k]) / (2 * step)
			}
			if r := relative(at.Forces, numeric); r > 1e-6 {
				t.Errorf("%s, configuration %d: forces differ from differences by %g", name, i, r)
			}
		}
	}
}

// A configuration without a finite energy is named, also within a block; one that overflows in
// float32 alone has its energy.
func TestSteepConfigurationsInC(t *testing.T) {
	p, data := openTest(t, "ff99sbildn-obc")
	x := perturbed(data.Batch)
	e := engineOf(t, p, Single)
	x.At(3)[3*5+1] = x.At(3)[3*9+1] + 1e-5
	x.At(3)[3*5], x.At(3)[3*5+2] = x.At(3)[3*9], x.At(3)[3*9+2]
	within(t, "an overflow of float32", e, p, x.Slice(3, 4), 3e-5)
	for _, e := range []Engine{e, engineOf(t, p, Double)} {
		copy(x.At(17)[3*4:3*5], x.At(17)[3*9:3*10])
		_, err := Evaluate(context.Background(), e, x, nil)
		var at *ConfigurationError
		if !errors.As(err, &at) || at.Configuration != 17 ||
			!strings.Contains(err.Error(), "atom 4 (from 0) and atom 9 (from 0) are at the same place") {
			t.Errorf("%v", err)
		}
		x.At(18)[7] = math.NaN()
		if err := e.Compute(x.Slice(18, 19), Energies{Total: make([]float64, 1)}); err == nil {
			t.Error("NaN has an energy")
		}
		x.At(18)[7] = 0
	}
}

// A configuration's energy is the same bytes in any batch.
func TestEnergyDoesNotDependOnTheBatch(t *testing.T) {
	p, data := openTest(t, "ff99sbildn-obc")
	for _, precision := range []Precision{Double, Single} {
		e := engineOf(t, p, precision)
		x := perturbed(data.Batch)
		all, err := Evaluate(context.Background(), e, x, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range x.Len() {
			one := Energies{Total: make([]float64, 1), Forces: make([]float64, 3*x.N)}
			if err := e.Compute(x.Slice(i, i+1), one); err != nil {
				t.Fatal(err)
			}
			if one.Total[0] != all.Total[i] || one.Forces[4] != all.Forces[i*3*x.N+4] {
				t.Errorf("configuration %d has %g alone and %g in a batch", i, one.Total[0], all.Total[i])
			}
		}
	}
}

func benchmarkEngine(b *testing.B, engine func(p *Potential) Engine) {
	p, data := openTest(b, "ff99sbildn-obc")
	e := engine(p)
	x := perturbed(data.Batch).Slice(0, 16)
	out := Energies{Total: make([]float64, 16), Forces: make([]float64, 16*3*x.N)}
	for b.Loop() {
		if err := e.Compute(x, out); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(16*b.N), "ns/configuration")
}

// The energy and forces of alanine dipeptide in OBC2, on one core.
func BenchmarkDouble(b *testing.B) {
	benchmarkEngine(b, func(p *Potential) Engine { return engineOf(b, p, Double) })
}

func BenchmarkSingle(b *testing.B) {
	benchmarkEngine(b, func(p *Potential) Engine { return engineOf(b, p, Single) })
}

func BenchmarkGo(b *testing.B) {
	benchmarkEngine(b, func(p *Potential) Engine { return p })
}
