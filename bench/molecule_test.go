package bench

import (
	"context"
	"testing"

	"github.com/eqflow/gonb-eqflow/xla"
)

// A molecule's energies in C, in both precisions and on one core, and in plain Go agree with
// OpenMM's, and are timed.
func TestMoleculeAgreesWithTheReference(t *testing.T) {
	result, err := Plan{Backend: xla.Go, Seconds: 0.05, Rounds: 2}.Molecule(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Rows) != 5 {
		t.Errorf("%d rows, want 5", len(result.Rows))
	}
	for _, row := range result.Rows {
		if row.Note != "" || !(row.Error > 0) || row.Error > 1e-5 || row.Calls < 2 || !(row.Ratio > 0) {
			t.Errorf("%+v", row)
		}
	}
}
