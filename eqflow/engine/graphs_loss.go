package engine

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// Gradient implements Learner. It compiles a program on every call.
func (g *graphs) Gradient(l Loss, in Inputs) (loss float64, gradient dataset.Arrays, err error) {
	names, variables := g.Parameters.List(ScopeFlow)
	exec, err := model.NewExec(g.Backend, g.Parameters.Store, func(scope *model.Scope, inputs []*Node) []*Node {
		graph := inputs[0].Graph()
		scope.Store().SetTraining(graph, true)
		nodes, _ := nodesOf(inputs)
		value := l.Graph(g.bind(scope, graph, 0, ScopeFlow), nodes)
		parameters := make([]*Node, len(variables))
		for k, v := range variables {
			parameters[k] = v.NodeValue(graph)
		}
		return append([]*Node{value}, Gradient(value, parameters...)...)
	})
	if err != nil {
		return 0, nil, fmt.Errorf("eqflow: cannot prepare the loss: %w", err)
	}
	defer exec.Finalize()
	results, err := exec.Call(in.tensors()...)
	if err != nil {
		return 0, nil, fmt.Errorf("eqflow: the loss failed: %w", err)
	}
	defer release(results)
	for k, r := range results[1:] {
		a, err := toArray(names[k], r)
		if err != nil {
			return 0, nil, err
		}
		gradient = append(gradient, a)
	}
	return float64(tensors.ToScalar[float32](results[0])), gradient, nil
}

// NewStep implements Learner. One program computes loss, gradient and update.
func (g *graphs) NewStep(l Loss, u Update) (Step, error) {
	exec, err := model.NewExec(g.Backend, g.Parameters.Store, func(scope *model.Scope, inputs []*Node) []*Node {
		graph := inputs[0].Graph()
		scope.Store().SetTraining(graph, true)
		nodes, numbers := nodesOf(inputs)
		loss := l.Graph(g.bind(scope, graph, 0, ScopeFlow), nodes)
		u(scope, scope.BuildTrainableVariablesGradientsGraph(loss), numbers)
		return []*Node{loss}
	})
	if err != nil {
		return nil, fmt.Errorf("eqflow: cannot prepare training: %w", err)
	}
	exec = g.split(exec, batchInputs(), false)
	return func(in Inputs, numbers ...float32) (float64, error) {
		var inputs []any
		for k := range g.Devices {
			inputs = append(inputs, in.part(k, g.Devices).tensors()...)
			inputs = append(inputs, asInputs(numbers)...)
		}
		results, err := exec.Call(inputs...)
		if err != nil {
			return 0, err
		}
		defer release(results)
		g.Parameters.version++
		return float64(tensors.ToScalar[float32](results[0])), nil
	}, nil
}

// asInputs returns numbers as the inputs of a program.
func asInputs(numbers []float32) (out []any) {
	for _, v := range numbers {
		out = append(out, v)
	}
	return out
}
