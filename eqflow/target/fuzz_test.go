package target

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/internal/printable"
)

// largestFuzzed bounds the particles of systems whose energy a fuzz target computes.
const largestFuzzed = 64

// checkParsed checks the system that a text gives, or that the error is one line.
func checkParsed(t *testing.T, system Target, err error) {
	t.Helper()
	if err == nil {
		checkSystem(t, system)
	} else if text := err.Error(); text != printable.Line(text) {
		t.Errorf("the error is not a line of text: %q", text)
	}
}

// checkSystem checks that a system which a description or a name gives can be used: it describes
// itself again, and its energy is computed without a panic.
func checkSystem(t *testing.T, system Target) {
	t.Helper()
	spec, err := SpecOf(system)
	if err != nil {
		t.Fatalf("%s has no description: %v", system.Name(), err)
	}
	if difference := Difference(spec, system); difference != "" {
		t.Errorf("%s differs from its own description: %s", system.Name(), difference)
	}
	n, d := system.Particles(), system.Dim()
	if n < 1 || d < 1 {
		t.Fatalf("%s has %d particles in %d dimensions", system.Name(), n, d)
	}
	if n > largestFuzzed || d > largestFuzzed {
		return
	}
	x := make([]float64, n*d)
	for k := range x {
		x[k] = math.Sin(float64(3*k)) * float64(1+k%5)
	}
	system.EnergyForces(x, make([]float64, len(x)))
}

func FuzzSpec(f *testing.F) {
	for _, text := range []string{
		`{"kind":"double-well","n":4,"d":2,"constants":{"c":0.9}}`,
		`{"kind":"lennard-jones","n":13,"d":3,"convention":"i<j"}`,
		`{"kind": "lennard-jones-mixture", "types": [8, 5], "d": 3, "constants": {"rm_bb": 0.7}}`,
		`{"kind":"chain","n":5,"d":3}`, `{"kind":"harmonic","n":3,"d":3}`,
		`{"kind":"lennard-jones-mixture","types":[9223372036854775807,5],"d":3}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var spec Spec
		if json.Unmarshal([]byte(text), &spec) != nil || spec.Kind == KindOwn {
			return
		}
		system, err := FromSpec(spec)
		checkParsed(t, system, err)
	})
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"dw4", "LJ13-pairs", "lj8+5", "chain5", "harmonic3x3", "dw99999999999999999999"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		system, err := Parse(name)
		checkParsed(t, system, err)
	})
}
