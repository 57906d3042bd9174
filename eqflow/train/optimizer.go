package train

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// update is the rule by which a step moves the parameters and their average. numbers holds the
// learning rate and the decay of the average.
//
// GoMLX's Adam moves every trainable variable. The matrices that Muon has moved are not trainable
// while Adam runs.
func (t *trainer) update(scope *model.Scope, gradients, numbers []*Node) {
	rate, decay := numbers[0], numbers[1]
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
	if valueOf(t.Average) > 0 {
		t.moveAverage(rate.Graph(), decay)
	}
}

// gradientUpdater is the interface of GoMLX's optimisers for gradients that are already computed.
type gradientUpdater interface {
	UpdateGraphWithGradients(scope *model.Scope, gradients []*Node, lossDType dtypes.DType)
}

// clipped scales all gradients by one factor, so that their joint norm does not exceed the bound.
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
	norm := Sqrt(square)
	one := ScalarOne(norm.Graph(), norm.DType())
	factor := Min(one, Div(Scalar(norm.Graph(), norm.DType(), bound), AddScalar(norm, 1e-12)))
	out := make([]*Node, len(gradients))
	for k, g := range gradients {
		out[k] = Mul(g, factor)
	}
	return out
}

// moveAverage adds the update of the moving average to a graph that has moved the parameters
// already.
func (t *trainer) moveAverage(g *Graph, decay *Node) {
	names, variables := t.Parameters().List(engine.ScopeFlow)
	for k, v := range variables {
		average := t.Parameters().Store.GetVariable("/" + engine.ScopeAverage + "/" + names[k])
		old := average.NodeValue(g)
		average.SetNodeValue(Add(old, Mul(OneMinus(decay), Sub(v.NodeValue(g), old))))
	}
}

// decay returns the decay of the average at a step. It is small at first, so that the average
// forgets the first parameters.
func (s Settings) decay(step int) float64 {
	return min(valueOf(s.Average), float64(1+step)/float64(10+step))
}

// finalScope returns the scope of the parameters that validation scores and that the trained model
// receives.
func (t *trainer) finalScope() string {
	if valueOf(t.Average) > 0 {
		return engine.ScopeAverage
	}
	return engine.ScopeFlow
}
