package eqflow

import (
	"fmt"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/egnn"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// The programs of the field at places of one time: v; div v and its gradient; Jᵀs.
const (
	fieldValue = "the field"
	fieldKick  = "the field's divergence and its gradient"
	fieldPull  = "the field's pull on a score"
)

func (m *Model) fieldProgram(name string) (*model.Exec, error) {
	key := program{name: name, scope: scopeFlow}
	if exec, ok := m.programs[key]; ok {
		return exec, nil
	}
	exec, err := model.NewExec(m.backend, m.store, func(scope *model.Scope, in []*Node) []*Node {
		x := in[0]
		v, div := m.bind(scope, x.Graph(), 0, scopeFlow).(flow.Partial).At(BroadcastToDims(in[1], x.Shape().Dimensions[0]), x)
		switch name {
		case fieldValue:
			return []*Node{v}
		case fieldKick:
			return []*Node{div, Gradient(ReduceAllSum(div), x)[0]}
		default:
			return []*Node{Gradient(ReduceAllSum(Mul(v, in[2])), x)[0]}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare %s: %w", name, err)
	}
	m.programs[key] = exec
	return exec, nil
}

// call finds one of these at the first batch and a time; further batches are what else it takes.
func (w trajectories) call(name string, t float64, batches ...particle.Batch) ([][]float64, error) {
	if w.field == nil {
		return w.run(name, t, batches...)
	}
	x := batches[0]
	at := slices.Repeat([]float64{t}, x.Len())
	switch name {
	case fieldValue:
		v, _ := w.field.Rate(x, at, egnn.NoVectors(x.Len()))
		return [][]float64{v.X}, nil
	case fieldKick:
		div, kick := w.field.Divergence(x, at)
		return [][]float64{div, kick.X}, nil
	default:
		return [][]float64{w.field.Pull(x, batches[1], at).X}, nil
	}
}

// run runs a compiled program of the field.
func (m *Model) run(name string, t float64, batches ...particle.Batch) ([][]float64, error) {
	exec, err := m.fieldProgram(name)
	if err != nil {
		return nil, err
	}
	var in []any
	for k, b := range batches {
		in = append(in, tensors.FromFlatDataAndDimensions(float32s(b.X), b.Len(), b.N, b.D))
		if k == 0 {
			in = append(in, float32(t))
		}
	}
	out, err := exec.Call(in...)
	if err != nil {
		return nil, fmt.Errorf("eqflow: %s failed: %w", name, err)
	}
	return hostBlocks(out, batches[0].Len()), nil
}

// pathField returns the field that trajectories follow, nil where it has prepared programs for it.
func (m *Model) pathField() (*egnn.Field, error) {
	if field, ok, err := m.egnnField(scopeFlow); ok || err != nil {
		return &field, err
	}
	for _, name := range []string{fieldValue, fieldKick, fieldPull} {
		if _, err := m.fieldProgram(name); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
