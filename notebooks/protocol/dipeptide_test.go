package protocol

import (
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/notebooks/molecules"
)

// The energies by force add up to the energy, and the angles are those of the structure, which lies
// at φ < 0 with trans peptide bonds.
func TestDipeptide(t *testing.T) {
	c := molecules.Open("alanine-dipeptide", 300)
	x := c.System().Structure.Models
	rows := TermsTable(c, x.At(0)).Rows
	if len(rows) != len(c.System().Forces)+1 || rows[0][0] != "HarmonicBondForce" {
		t.Errorf("the table is %v", rows)
	}
	phi := Angle("φ / degrees", c, [4]int{4, 6, 8, 10})
	omega := Angle("ω / degrees", c, [4]int{1, 4, 6, 8})
	if v := phi.Value(x.At(0), 0); !(v < -30 && v > -180) || phi.Name != "φ / degrees" {
		t.Errorf("%s of the structure is %g", phi.Name, v)
	}
	if v := omega.Value(x.At(0), 0); math.Abs(v) < 150 {
		t.Errorf("ω of the structure is %g", v)
	}
	if p := Above(phi, x, nil); p.Value != 0 {
		t.Errorf("the share of φ > 0 is %v", p)
	}
	if m := Mirrored(c.Chiralities(x)); m != 0 {
		t.Errorf("%d mirror images", m)
	}
}

// A share of 1/(1 + e²) lies 2 kT above the rest.
func TestDifferenceOfShares(t *testing.T) {
	p := 1 / (1 + math.Exp(2))
	d := Difference(stats.Estimate{Value: p, Error: 0.01})
	if math.Abs(d.Value-2) > 1e-12 || math.Abs(d.Error-0.01/(p*(1-p))) > 1e-12 {
		t.Errorf("the difference is %v", d)
	}
}
