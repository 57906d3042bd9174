package engine

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// newUpdate compiles an update that moves the parameters along a known gradient. The update is a
// graph on the host too.
func (f Flow) newUpdate(u Update) (func(gradient dataset.Arrays, numbers []float32) error, error) {
	_, variables := f.Parameters.List(ScopeFlow)
	exec, err := model.NewExec(f.Backend, f.Parameters.Store, func(scope *model.Scope, inputs []*Node) []*Node {
		gradients, numbers := inputs[:len(variables)], inputs[len(variables):]
		for _, v := range variables {
			v.NodeValue(numbers[0].Graph()) // the optimiser moves only variables that are in the graph
		}
		u(scope, gradients, numbers)
		return []*Node{Neg(numbers[0])}
	})
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare training: %w", err)
	}
	return func(gradient dataset.Arrays, numbers []float32) error {
		var inputs []any
		for _, g := range gradient {
			if g.F32 == nil {
				g.F32 = float32s(g.F64)
			}
			inputs = append(inputs, tensors.FromFlatDataAndDimensions(g.F32, g.Shape...))
		}
		results, err := exec.Call(append(inputs, asInputs(numbers)...)...)
		if err != nil {
			return err
		}
		f.Parameters.version++
		release(results)
		return nil
	}, nil
}

// hostStep returns a training step whose gradient is computed on the host.
func (f Flow) hostStep(gradient func(in Inputs) (float64, dataset.Arrays, error), u Update) (Step, error) {
	update, err := f.newUpdate(u)
	if err != nil {
		return nil, err
	}
	return func(in Inputs, numbers ...float32) (float64, error) {
		loss, g, err := gradient(in)
		if err != nil {
			return 0, err
		}
		// float32, the parameters' type, turns a loss beyond its range into infinity
		return float64(float32(loss)), update(g, numbers)
	}, nil
}
