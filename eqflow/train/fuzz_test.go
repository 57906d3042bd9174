package train

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// Whatever the manifest of a model's file holds, reading ends with a system, a flow and settings,
// or with an error.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"target":{"kind":"double-well","n":4,"d":2},"flow":{"kernel":{},"solver":"rk4","solver_steps":20},` +
		`"seed":1,"steps":20,"settings":{"steps":20,"batch":8,"objective":"likelihood"},"history":{"records":[]}}`))
	f.Add([]byte(`{"target":{"kind":"lennard-jones","n":1000000000,"d":3},"flow":{"egnn":{"width":-1}},"settings":{}}`))
	f.Add([]byte(`{"history":{"before":[{"taken":1}],"rungs":[{}]},"flow":null}`))
	f.Fuzz(func(t *testing.T, manifest []byte) {
		folder := t.TempDir()
		path := filepath.Join(folder, modelFile)
		text, err := dataset.EncodeArrays(dataset.Arrays{dataset.Bytes(manifestArray, manifest)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := ReadFolder(folder)
		if err != nil {
			if text := err.Error(); text != printable.Line(text) {
				t.Errorf("the error is not a line of text: %q", text)
			}
			return
		}
		if file.Settings != nil {
			_ = file.Settings.Validate()
		}
		if c, err := file.Flow.Config(); err == nil {
			_ = c.Validate()
		}
		if system, err := target.FromSpec(file.Target); err == nil && system.Particles() < 1 {
			t.Errorf("a system of %d particles", system.Particles())
		}
		if _, err := json.Marshal(file.Manifest); err != nil {
			t.Logf("cannot be written again: %v", err)
		}
	})
}
