package eqflow

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Export returns the parameters in use by their names in the flow, such as "weights" of the kernel field, for other programs.
func (m *Model) Export() (dataset.Arrays, error) {
	names, variables := m.parameters(scopeFlow)
	var out dataset.Arrays
	for k, v := range variables {
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("eqflow: cannot read parameter %s: %w", names[k], err)
		}
		a, err := toArray(names[k], value)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// Import sets every parameter to the float32 array of its name, where Export would have put it; further arrays are ignored.
func (m *Model) Import(from dataset.Arrays) error {
	names, variables := m.parameters(scopeFlow)
	for k, v := range variables {
		a, ok := from.Get(names[k])
		if !ok || a.F32 == nil {
			return fmt.Errorf("%w: no float32 array %q; the parameters are of another flow", dataset.ErrInput, names[k])
		}
		if err := m.set(v.Path(), fromArray(a), true); err != nil {
			return err
		}
	}
	return nil
}

// Inputs are what an objective looks at: data and prior draws of one length, and a flow time for each; with forces, also ∇u at
// the data, and its mean square a degree of freedom. What the objective does not use may be left out.
type Inputs struct {
	X, Z      particle.Batch
	T         []float64
	Slopes    particle.Batch
	Stiffness float64
	Probes    particle.Batch // normal draws of EnergyMatching, Settings.Probes for each of X
	Spread    float64        // of the wide normal that it draws with
	Value     float64        // of the divergence whose path gradient X, T and Slopes make
}

// Loss returns the objective at given inputs, built as Train builds it, and its gradient by each parameter under Export's
// names. Where it needs a graph it compiles one on every call: it is for checks against other programs.
func (m *Model) Loss(s Settings, in Inputs) (loss float64, gradient dataset.Arrays, err error) {
	s = s.WithDefaults()
	if loss, gradient, ok, err := m.hostLoss(s, in); ok || err != nil {
		return loss, gradient, err
	}
	return m.graphLoss(s, in)
}

func (m *Model) graphLoss(s Settings, in Inputs) (loss float64, gradient dataset.Arrays, err error) {
	exec, err := model.NewExec(m.backend, m.store, func(scope *model.Scope, inputs []*Node) []*Node {
		g := inputs[0].Graph()
		scope.Store().SetTraining(g, true)
		value := m.loss(s, m.bind(scope, g, 0, scopeFlow), fedBy(inputs))
		_, variables := m.parameters(scopeFlow)
		nodes := make([]*Node, len(variables))
		for k, v := range variables {
			nodes[k] = v.NodeValue(g)
		}
		return append([]*Node{value}, Gradient(value, nodes...)...)
	})
	if err != nil {
		return 0, nil, fmt.Errorf("eqflow: cannot prepare the loss: %w", err)
	}
	results, err := exec.Call(in.tensors()...)
	if err != nil {
		return 0, nil, fmt.Errorf("eqflow: the loss failed: %w", err)
	}
	names, _ := m.parameters(scopeFlow)
	for k, r := range results[1:] {
		a, err := toArray(names[k], r)
		if err != nil {
			return 0, nil, err
		}
		gradient = append(gradient, a)
	}
	return float64(tensors.ToScalar[float32](results[0])), gradient, nil
}

// batchInputs is how many of the tensors, the first ones, are as long as the batch.
const batchInputs = 4

// tensors are the inputs for a graph, in the order of fed, one number for each that is left out.
func (in Inputs) tensors() []any {
	batch := func(b particle.Batch) any {
		if b.Len() == 0 {
			b = particle.NewBatch(1, 1, 1)
		}
		return tensors.FromFlatDataAndDimensions(float32s(b.X), b.Len(), b.N, b.D)
	}
	times := in.T
	if len(times) == 0 {
		times = []float64{0}
	}
	return []any{
		batch(in.X), batch(in.Z), tensors.FromFlatDataAndDimensions(float32s(times), len(times)), batch(in.Slopes),
		float32(in.Stiffness), batch(in.Probes), float32(in.Spread), float32(in.Value),
	}
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
