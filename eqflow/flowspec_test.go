package eqflow_test

import (
	"reflect"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
)

// Every named flow can be kept in a folder and comes back as it was.
func TestNamedFlowsSurviveTheirDescription(t *testing.T) {
	for _, name := range eqflow.FlowNames {
		config, err := eqflow.NamedFlow(name)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := eqflow.SpecOfFlow(config)
		if err != nil {
			t.Fatal(err)
		}
		back, err := spec.Config()
		if err != nil {
			t.Fatal(err)
		}
		again, err := eqflow.SpecOfFlow(back)
		if err != nil || !reflect.DeepEqual(again, spec) {
			t.Errorf("%s comes back as %+v, not %+v: %v", name, again, spec, err)
		}
	}
}
