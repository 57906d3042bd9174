package eqflow

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// FlowSpec is a flow's description as data, for model folders: exactly one of its flows is set.
type FlowSpec struct {
	Kernel   *dynamics.RadialBasis `json:"kernel,omitempty"`
	MLP      *dynamics.MLP         `json:"mlp,omitempty"`
	EGNN     *dynamics.EGNN        `json:"egnn,omitempty"`
	OneHop   *dynamics.OneHop      `json:"onehop,omitempty"`
	Coupling *flow.Coupling        `json:"realnvp,omitempty"`
	Solver   string                `json:"solver,omitempty"` // of a continuous flow
	Steps    int                   `json:"solver_steps,omitempty"`
}

// FlowNames lists the flows that NamedFlow knows.
var FlowNames = []string{"kernel", "egnn", "onehop", "mlp", "realnvp"}

// NamedFlow returns a flow with its defaults: "kernel" (the paper's equivariant flow), "egnn" and "onehop" (richer ones),
// "mlp" or "realnvp".
func NamedFlow(name string) (flow.Config, error) {
	switch name {
	case "kernel":
		return flow.Continuous{Field: dynamics.RadialBasis{}}, nil
	case "egnn":
		return flow.Continuous{Field: dynamics.EGNN{}}, nil
	case "onehop":
		return flow.Continuous{Field: dynamics.OneHop{}}, nil
	case "mlp":
		return flow.Continuous{Field: dynamics.MLP{}}, nil
	case "realnvp":
		return flow.Coupling{}, nil
	}
	return nil, &SettingsError{fmt.Sprintf("no flow %q; use one of %v", name, FlowNames)}
}

// FlowFor is NamedFlow with the lengths of the fields set to suit the target: those of the rich fields are DW4's otherwise.
func FlowFor(name string, t target.Target) (flow.Config, error) {
	c, err := NamedFlow(name)
	if err != nil {
		return nil, err
	}
	if mixed, ok := t.(target.Mixture); ok { // a cluster of the same size
		t = target.LennardJones{N: mixed.Particles(), Rm: mixed.Rm}
	}
	lj, ok := t.(target.LennardJones)
	f, continuous := c.(flow.Continuous)
	if !ok || !continuous {
		return c, nil
	}
	switch field := f.Field.(type) {
	case dynamics.EGNN:
		field.Middle, field.Mean = 1.5*orDefault(lj.Rm, 1), true
		f.Field = field
		f.Steps = 40 // as below: the NLL of a trained LJ13 moves by 0.045 from 20 to 40 steps, by 0.001 from there to 80
	case dynamics.OneHop:
		// Up to 5 minima of a pair: the cluster, and the prior's draws that it comes from; closer together about the first.
		rm := orDefault(lj.Rm, 1)
		field.MaxDistance, field.Core, field.Centres, field.Guard = 5*rm, rm, 24, 0.85*rm
		field.Channels, field.Tensors = 32, 16 // there are many angles in a cluster
		f.Field = field
		f.Steps = 40 // the core is hard: the NLL of a trained LJ13 moves by 0.08 from 20 to 40 steps, by 0.01 from there to 80
	}
	return f, nil
}

// SpecOfFlow describes a flow with all defaults filled in.
func SpecOfFlow(c flow.Config) (FlowSpec, error) {
	switch c := c.(type) {
	case flow.Coupling:
		c = c.WithDefaults()
		return FlowSpec{Coupling: &c}, nil
	case flow.Continuous:
		c = c.WithDefaults()
		spec := FlowSpec{Solver: c.Solver.Name, Steps: c.Steps}
		switch f := c.Field.(type) {
		case dynamics.RadialBasis:
			f = f.WithDefaults()
			spec.Kernel = &f
			return spec, nil
		case dynamics.EGNN:
			f = f.WithDefaults()
			spec.EGNN = &f
			return spec, nil
		case dynamics.OneHop:
			f = f.WithDefaults()
			spec.OneHop = &f
			return spec, nil
		case dynamics.MLP:
			f = f.WithDefaults()
			spec.MLP = &f
			return spec, nil
		}
	}
	return FlowSpec{}, fmt.Errorf("eqflow: %T cannot be kept in a folder; leave Run.Folder empty and use the model while it lives", c)
}

// Config returns the flow that the spec describes.
func (s FlowSpec) Config() (flow.Config, error) {
	if s.Coupling != nil {
		return *s.Coupling, nil
	}
	solver, err := ode.ByName(s.Solver)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Kernel != nil:
		return flow.Continuous{Field: *s.Kernel, Solver: solver, Steps: s.Steps}, nil
	case s.EGNN != nil:
		return flow.Continuous{Field: *s.EGNN, Solver: solver, Steps: s.Steps}, nil
	case s.OneHop != nil:
		return flow.Continuous{Field: *s.OneHop, Solver: solver, Steps: s.Steps}, nil
	case s.MLP != nil:
		return flow.Continuous{Field: *s.MLP, Solver: solver, Steps: s.Steps}, nil
	}
	return nil, fmt.Errorf("eqflow: the description names no flow; train the model again")
}
