package flow_test

import (
	"encoding/json"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// Whatever describes a flow in a file, it gives a flow that describes itself again, or an error.
func FuzzSpec(f *testing.F) {
	flows := []flow.Config{flow.Internal{Chart: ethanal()}}
	for _, name := range flow.Names() {
		c, err := flow.Named(name)
		if err != nil {
			f.Fatal(err)
		}
		flows = append(flows, c)
	}
	for _, c := range flows {
		spec, err := flow.SpecOf(c)
		if err != nil {
			f.Fatal(err)
		}
		text, err := json.Marshal(spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"kernel":{"centres":1000000000},"solver":"rk4","solver_steps":9223372036854775807}`)
	f.Fuzz(func(t *testing.T, text string) {
		var spec flow.Spec
		if json.Unmarshal([]byte(text), &spec) != nil {
			return
		}
		c, err := spec.Config()
		if err != nil || c.Validate() != nil {
			return
		}
		again, err := flow.SpecOf(c)
		if err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(again)
		if err != nil {
			t.Fatal(err)
		}
		var read flow.Spec
		if err := json.Unmarshal(written, &read); err != nil {
			t.Errorf("%s cannot be read: %v", written, err)
		}
	})
}
