package molecules

import (
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The structure is near a minimum: its energy lies below the mean at 300 K, −59.4 kJ/mol.
func TestOpen(t *testing.T) {
	c := Open("alanine-dipeptide", 300)
	if c.Particles() != 22 || c.System().Structure == nil {
		t.Fatalf("%d atoms, structure %v", c.Particles(), c.System().Structure)
	}
	u := target.Energies(c, c.System().Structure.Models)[0] * c.KT()
	if !(u > -150 && u < -60) {
		t.Errorf("the structure has %g kJ/mol", u)
	}
	if kT := c.KT(); math.Abs(kT-2.494339) > 1e-6 {
		t.Errorf("kT = %g kJ/mol", kT)
	}
	defer func() {
		if recover() == nil {
			t.Error("a molecule that is not there is opened")
		}
	}()
	Open("no-such", 300)
}
