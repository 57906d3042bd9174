// Package resident forwards to notebooks/kernel/resident, for kernels and notebooks from before the
// move.
//
// Deprecated: import notebooks/kernel/resident.
package resident

import (
	"fmt"
	"os"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// Model is a trained model in a folder, which the helper answers for.
type Model = resident.Model

func init() {
	fmt.Fprintln(os.Stderr, "notebooks/resident is now notebooks/kernel/resident: run `eqflow kernel install` again, or change the import")
}

// Open finds a model by its folder or the end of its path.
func Open(name string) *Model { return resident.Open(name) }

// Models lists the folders of models.
func Models() []string { return resident.Models() }

// Find returns the folder of a model.
func Find(name string) (string, error) { return resident.Find(name) }
