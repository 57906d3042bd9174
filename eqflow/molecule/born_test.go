package molecule

import (
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Where atoms lie within the descreening sphere of another, the forces are the gradient still, with
// the correction of GBSAOBCForce and without it. GBn2 has such atoms: a scaled hydrogen is wider
// than a bond that noise has shortened.
func TestForcesWithinOtherAtomsAreTheGradient(t *testing.T) {
	for _, engulfed := range []bool{true, false} {
		s, err := ReadSystem(filepath.Join("testdata", "ff99sbildn-obc.xml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range s.Forces {
			if b, ok := f.Terms.(*Born); ok {
				b.Engulfed = engulfed
				b.Atoms[3].Rho, b.Atoms[3].Scaled, b.Atoms[7].Rho, b.Atoms[7].Scaled = 0.05, 0.04, 0.4, 0.38
			}
		}
		_, set := openTest(t, "ff99sbildn-obc")
		plain, err := NewPotential(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		fast, err := NewEngine(s, Options{}, Double)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []Engine{plain, fast} {
			forces := make([]float64, 3*s.Atoms())
			out := Energies{Total: make([]float64, 1), Forces: forces}
			if err := e.Compute(set.Batch.Slice(0, 1), out); err != nil {
				t.Fatal(err)
			}
			if off := relative(forces, slopes(t, e, set.Batch.At(0))); off > 1e-6 {
				t.Errorf("%T, engulfed atoms counted is %t: forces differ from differences by %.1e", e, engulfed, off)
			}
		}
	}
}

// slopes returns −∇U of one configuration by differences.
func slopes(t *testing.T, e Engine, x []float64) []float64 {
	t.Helper()
	const step = 1e-6 // nm
	moved := particle.NewBatch(2*len(x), len(x)/3, 3)
	for k := range x {
		copy(moved.At(2*k), x)
		copy(moved.At(2*k+1), x)
		moved.At(2 * k)[k] += step
		moved.At(2*k + 1)[k] -= step
	}
	got, err := Evaluate(t.Context(), e, moved, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(x))
	for k := range out {
		out[k] = (got.Total[2*k+1] - got.Total[2*k]) / (2 * step)
	}
	return out
}
