package flow_test

import (
	"reflect"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Every named flow is described by a Spec that gives the same flow again.
func TestNamedFlowsSurviveTheirDescription(t *testing.T) {
	for _, name := range flow.Names() {
		config, err := flow.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := flow.SpecOf(config)
		if err != nil {
			t.Fatal(err)
		}
		back, err := spec.Config()
		if err != nil {
			t.Fatal(err)
		}
		again, err := flow.SpecOf(back)
		if err != nil || !reflect.DeepEqual(again, spec) {
			t.Errorf("%s is read as %+v, want %+v: %v", name, again, spec, err)
		}
	}
}

// The lengths and channels of the EGNN and one-hop fields suit a cluster if the target is one, and
// DW4 otherwise.
func TestFlowForTheTarget(t *testing.T) {
	cluster := target.LJ13()
	cluster.Rm = 2
	for _, c := range []struct {
		name   string
		target target.Target
		want   dynamics.Config
		steps  int // 0 for the default
	}{
		{"egnn", target.DW4(), dynamics.EGNN{Middle: 3}, 0},
		{"onehop", target.DW4(), dynamics.OneHop{MaxDistance: 8}, 0},
		{"egnn", cluster, dynamics.EGNN{Middle: 3, Mean: true}, 40},
		{"onehop", cluster, dynamics.OneHop{
			MaxDistance: 10, Core: 2, Centres: 24, Guard: 1.7, Channels: 32, Tensors: 16,
		}, 40},
		{"egnn", target.LJ13(), dynamics.EGNN{Middle: 1.5, Mean: true}, 40},
		{"kernel", cluster, dynamics.RadialBasis{}, 0},
	} {
		got, err := eqflow.FlowFor(c.name, c.target)
		if err != nil {
			t.Fatal(err)
		}
		spec, err := flow.SpecOf(got)
		want, _ := flow.SpecOf(flow.Continuous{Field: c.want, Steps: c.steps})
		if err != nil || !reflect.DeepEqual(spec, want) {
			t.Errorf("%s for %s is %+v, want %+v: %v", c.name, c.target.Name(), spec, want, err)
		}
	}
}
