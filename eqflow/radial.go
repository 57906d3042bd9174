package eqflow

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/radial"
)

// The flow of the kernel field is solved in plain Go, by package radial, wherever the backend computes in the host's own
// memory: that is several times as fast as its graphs there, compiles nothing, and keeps float64. Devices get the graphs,
// and so do fields whose RBFs are too narrow for radial's tables, and systems whose particles are not all alike: radial knows
// one function of the distance.

// kernelFlow returns the continuous flow of a kernel field, if the model has one that is to be solved in plain Go.
func (m *Model) kernelFlow() (c flow.Continuous, k dynamics.Kernel, ok bool) {
	if c, ok = m.ownSolve(); !ok {
		return c, k, false
	}
	k, ok = c.Field.(dynamics.Kernel)
	return c, k.WithDefaults(), ok && !k.PublishedSlope
}

// createParameters runs a graph that binds the flow and computes nothing.
func (m *Model) createParameters() error {
	exec, err := model.NewExec(m.backend, m.store, func(scope *model.Scope, x *Node) *Node {
		m.bind(scope, x.Graph(), 0, scopeFlow)
		return Neg(x)
	})
	if err != nil {
		return fmt.Errorf("eqflow: cannot create the parameters: %w", err)
	}
	defer exec.Finalize()
	if _, err := exec.Call1(float32(0)); err != nil {
		return fmt.Errorf("eqflow: cannot create the parameters: %w", err)
	}
	return nil
}

// radialField is the kernel field with the parameters of a scope.
func (m *Model) radialField(k dynamics.Kernel, scope string) (radial.Field, error) {
	f := radial.Field{Kernel: k, D: m.Prior.D, Parameters: radial.NewParameters(k.Centres, k.TimeCentres)}
	names, variables := m.parameters(scope)
	for i, v := range variables {
		value, err := v.Value()
		if err != nil {
			return f, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		numbers, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return f, fmt.Errorf("eqflow: cannot read parameter %s: %w", v.Path(), err)
		}
		to := f.ByName(names[i])
		for j := range to {
			to[j] = float64(numbers[j])
		}
	}
	return f, nil
}

// span is what a solve of the model's flow may vary in.
type span struct {
	method string // of ode; as trained where it is empty
	steps  int    // 0: as trained
	t0, t1 float64
}

// tabulated are the flows of one field that have been tabulated.
type tabulated struct {
	field radial.Field
	flows map[span]*radial.Flow
}

// mostTabulated bounds the memory that tables take: one of DW4 for 20 steps has half a megabyte.
const mostTabulated = 64

// radialFlow returns the model's flow in plain Go. It is nil where the graphs are to be used.
func (m *Model) radialFlow(s span, solver ode.Tableau) (f *radial.Flow, err error) {
	_, k, ok := m.kernelFlow()
	if !ok {
		return nil, nil
	}
	field, err := m.radialField(k, m.scope)
	if err != nil {
		return nil, err
	}
	if !sameParameters(field.Parameters, m.tables.field.Parameters) || len(m.tables.flows) > mostTabulated {
		m.tables = tabulated{field, map[span]*radial.Flow{}}
	}
	if f, ok := m.tables.flows[s]; ok {
		return f, nil
	}
	f, err = radial.NewFlow(field, ode.Span{Method: solver, Steps: s.steps, T0: s.t0, T1: s.t1})
	if err != nil {
		return nil, nil // no table holds this field: the graphs do
	}
	m.tables.flows[s] = f
	return f, nil
}

func sameParameters(a, b radial.Parameters) bool {
	return slices.Equal(a.Weights, b.Weights) && slices.Equal(a.Bias, b.Bias) && slices.Equal(a.Importance, b.Importance) &&
		slices.Equal(a.NegLogWidths, b.NegLogWidths) && slices.Equal(a.NegLogTimeWidths, b.NegLogTimeWidths)
}
