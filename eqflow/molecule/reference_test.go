package molecule

import (
	"context"
	"math"
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// systems are the files in testdata, which testdata/make.py wrote with OpenMM, and the solvent that
// each must be recognised as.
var systems = map[string]string{
	"ff99sbildn-obc": "OBC2", "ff96-obc1": "OBC1", "amber14-obc2-cutoff": "OBC2", "amber14-gbn": "GBn",
	"amber14-gbn2-salt": "GBn2", "amber14-hct": "HCT", "tripeptide-amber19": "GBn2", "small": "OBC2",
}

// openTest returns a potential of testdata with its reference values.
func openTest(t testing.TB, name string) (*Potential, dataset.Set) {
	t.Helper()
	s, err := ReadSystem(filepath.Join("testdata", name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPotential(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".npz")
	set, err := dataset.Read(path, s.Atoms(), 3)
	if err != nil {
		t.Fatal(err)
	}
	if set.Arrays, err = dataset.ReadArrays(path); err != nil { // Read leaves the forces out
		t.Fatal(err)
	}
	return p, set
}

func array(t testing.TB, set dataset.Set, name string) []float64 {
	t.Helper()
	a, found := set.Arrays.Get(name)
	if !found {
		t.Fatalf("the file has no array %q", name)
	}
	return a.Float64s()
}

// relative returns |a − b| / |b| of two vectors.
func relative(a, b []float64) float64 {
	diff, norm := 0.0, 0.0
	for k := range a {
		diff += (a[k] - b[k]) * (a[k] - b[k])
		norm += b[k] * b[k]
	}
	return math.Sqrt(diff / norm)
}

// Energies and forces agree with OpenMM's Reference platform, from minima to steep walls. Both
// compute in float64; the errors seen are below 1e-13 and 1e-12.
func TestEnergiesOfOpenMM(t *testing.T) {
	const tolerance = 1e-11
	for name, solvent := range systems {
		p, set := openTest(t, name)
		out, err := Evaluate(context.Background(), p, set.Batch, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		energy, byForce, forces := array(t, set, "energy"), array(t, set, "by_force"), array(t, set, "forces")
		k, w := len(p.system.Forces), 3*set.Batch.N
		worstE, worstK, worstF := 0.0, 0.0, 0.0
		for i := range energy {
			worstE = max(worstE, math.Abs(out.Total[i]-energy[i])/math.Abs(energy[i]))
			worstK = max(worstK, relative(out.ByForce[i*k:(i+1)*k], byForce[i*k:(i+1)*k]))
			worstF = max(worstF, relative(out.Forces[i*w:(i+1)*w], forces[i*w:(i+1)*w]))
		}
		t.Logf("%-22s energy %.1e, by force %.1e, forces %.1e", name, worstE, worstK, worstF)
		if worstE > tolerance || worstK > tolerance || worstF > tolerance {
			t.Errorf("%s differs from OpenMM", name)
			for f := range k {
				t.Logf("  %s: %.9g, want %.9g", p.system.Forces[f].Name, out.ByForce[f], byForce[f])
			}
		}
		for _, f := range p.system.Forces {
			if b, ok := f.Terms.(*Born); ok && b.Model != solvent {
				t.Errorf("%s: the solvent is %s, not %s", name, b.Model, solvent)
			}
		}
	}
}

// Forces are the negative gradient of the energy.
func TestForcesAreTheGradient(t *testing.T) {
	const step, tolerance = 1e-6, 1e-6 // nm; relative
	for name := range systems {
		p, set := openTest(t, name)
		for _, i := range []int{1, set.Batch.Len() - 1} {
			x := set.Batch.Select([]int{i}).X
			forces, numeric := make([]float64, len(x)), make([]float64, len(x))
			if _, err := p.Energy(x, forces, nil); err != nil {
				t.Fatal(err)
			}
			for k := range x {
				var e [2]float64
				at := x[k]
				for side, sign := range []float64{1, -1} {
					x[k] = at + sign*step
					e[side], _ = p.Energy(x, nil, nil)
				}
				x[k] = at
				numeric[k] = (e[1] - e[0]) / (2 * step)
			}
			if off := relative(forces, numeric); off > tolerance {
				t.Errorf("%s, configuration %d: forces differ from differences by %.1e", name, i, off)
			}
		}
	}
}

// mirrored are the systems without a torsion-torsion map or a chiral phase, whose energy a mirror
// leaves as it is.
func mirrored(s *System) bool {
	for _, f := range s.Forces {
		if _, ok := f.Terms.(*Maps); ok {
			return false
		}
	}
	return true
}

// The energy does not change under translation and rotation, nor under reflection where all phases
// are 0 or π and there are no maps; the maps of amber19 tell L from D.
func TestSymmetry(t *testing.T) {
	turn := func(b particle.Batch, mirror float64) particle.Batch {
		sin, cos := math.Sincos(0.7)
		b = b.Clone()
		for k := 0; k < len(b.X); k += 3 {
			x, y, z := b.X[k], b.X[k+1], b.X[k+2]
			b.X[k], b.X[k+1], b.X[k+2] = cos*x-sin*z+0.3, mirror*y-0.2, sin*x+cos*z+1
		}
		return b
	}
	for name := range systems {
		p, set := openTest(t, name)
		want, err := Evaluate(context.Background(), p, set.Batch, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, mirror := range []float64{1, -1} {
			got, err := Evaluate(context.Background(), p, turn(set.Batch, mirror), nil)
			if err != nil {
				t.Fatal(err)
			}
			off := relative(got.Total, want.Total)
			if same := mirror == 1 || mirrored(p.system); same != (off < 1e-10) {
				t.Errorf("%s, turned with mirror %g: energies differ by %.1e", name, mirror, off)
			}
		}
	}
}

// BenchmarkEnergy computes energy and forces of alanine dipeptide, one configuration on one core.
func BenchmarkEnergy(b *testing.B) {
	p, set := openTest(b, "ff99sbildn-obc")
	forces := make([]float64, 3*set.Batch.N)
	b.ReportAllocs()
	for k := 0; b.Loop(); k++ {
		if _, err := p.Energy(set.Batch.At(k%set.Batch.Len()), forces, nil); err != nil {
			b.Fatal(err)
		}
	}
}
