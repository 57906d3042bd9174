package eqflow

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
)

// take moves the parameters by what the objective looks at, and returns the loss from before.
func (t *trainer) take(in Inputs) (loss float64, err error) {
	rate, decay := float32(t.rate(t.steps)), float32(t.decay(t.steps))
	loss, gradient, known, err := t.hostLoss(t.Settings, in)
	if err != nil {
		return 0, err
	}
	var program *model.Exec
	var inputs []any
	if known {
		program, inputs = t.update, append([]any{rate, decay}, gradientTensors(gradient)...)
	} else {
		program, inputs = t.step, t.shares(in, rate, decay)
	}
	results, err := program.Call(inputs...)
	if err != nil {
		return 0, err
	}
	defer release(results)
	if known {
		return float64(float32(loss)), nil // infinite, where the parameters' type holds no such number
	}
	return float64(tensors.ToScalar[float32](results[0])), nil
}

// gradientTensors are the gradients as the update takes them.
func gradientTensors(gradient dataset.Arrays) (out []any) {
	for _, g := range gradient {
		if g.F32 == nil {
			g.F32 = float32s(g.F64)
		}
		out = append(out, tensors.FromFlatDataAndDimensions(g.F32, g.Shape...))
	}
	return out
}

// buildStep is a whole step's graph.
func (t *trainer) buildStep(scope *model.Scope, inputs []*Node) []*Node {
	in, rate, decay := fedBy(inputs), inputs[8], inputs[9]
	g := rate.Graph()
	scope.Store().SetTraining(g, true)
	loss := t.loss(t.Settings, t.bind(scope, g, 0, scopeFlow), in)
	t.descend(scope, scope.BuildTrainableVariablesGradientsGraph(loss), rate, decay)
	return []*Node{loss}
}

// buildUpdate is the graph of a step whose gradient is known.
func (t *trainer) buildUpdate(scope *model.Scope, inputs []*Node) []*Node {
	rate, decay, gradients := inputs[0], inputs[1], inputs[2:]
	_, variables := t.parameters(scopeFlow)
	for _, v := range variables {
		v.NodeValue(rate.Graph()) // the optimiser moves what the graph has
	}
	t.descend(scope, gradients, rate, decay)
	return []*Node{Neg(rate)}
}

// descend moves the parameters, and their average. GoMLX's Adam moves all that is trainable, so what Muon has moved must not be then.
func (t *trainer) descend(scope *model.Scope, gradients []*Node, rate, decay *Node) {
	optimizer.LearningRateVar(scope, rate.DType(), t.LearningRate).SetNodeValue(rate)
	gradients = clipped(gradients, t.Clip)
	if t.Optimizer == Muon {
		var moved []*model.Variable
		gradients, moved = t.moveMatrices(gradients, rate)
		for _, v := range moved {
			v.SetTrainable(false)
			defer v.SetTrainable(true)
		}
	}
	adam := optimizer.Adam().LearningRate(t.LearningRate).Done()
	adam.(gradientUpdater).UpdateGraphWithGradients(scope, gradients, rate.DType())
	if t.Average > 0 {
		t.moveAverage(rate.Graph(), decay)
	}
}

// gradientUpdater is what GoMLX's optimisers offer to those who have their gradients already.
type gradientUpdater interface {
	UpdateGraphWithGradients(scope *model.Scope, gradients []*Node, lossDType dtypes.DType)
}

// clipped scales all gradients so that their joint norm stays within the bound.
func clipped(gradients []*Node, bound float64) []*Node {
	if bound <= 0 {
		return gradients
	}
	var square *Node
	for _, g := range gradients {
		s := ReduceAllSum(Mul(g, g))
		if square == nil {
			square = s
		} else {
			square = Add(square, s)
		}
	}
	size := Sqrt(square)
	factor := Min(ScalarOne(size.Graph(), size.DType()), Div(Scalar(size.Graph(), size.DType(), bound), AddScalar(size, 1e-12)))
	out := make([]*Node, len(gradients))
	for k, g := range gradients {
		out[k] = Mul(g, factor)
	}
	return out
}
