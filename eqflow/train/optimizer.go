package train

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// update is the rule by which a step moves the parameters, and their average. numbers are the learning rate and the decay of
// the average.
//
// GoMLX's Adam moves all that is trainable. The matrices that Muon has moved are not trainable meanwhile.
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

// gradientUpdater is the interface of GoMLX's optimisers for gradients that are computed already.
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
	one := ScalarOne(size.Graph(), size.DType())
	factor := Min(one, Div(Scalar(size.Graph(), size.DType(), bound), AddScalar(size, 1e-12)))
	out := make([]*Node, len(gradients))
	for k, g := range gradients {
		out[k] = Mul(g, factor)
	}
	return out
}

// moveAverage adds the update of the moving average to a graph that has moved the parameters.
func (t *trainer) moveAverage(g *Graph, decay *Node) {
	names, variables := t.Parameters().List(engine.ScopeFlow)
	for k, v := range variables {
		average := t.Parameters().Store.GetVariable("/" + engine.ScopeAverage + "/" + names[k])
		old := average.NodeValue(g)
		average.SetNodeValue(Add(old, Mul(OneMinus(decay), Sub(v.NodeValue(g), old))))
	}
}

// decay is the decay of the average at a step: small at first, so that the start is forgotten.
func (s Settings) decay(step int) float64 {
	return min(valueOf(s.Average), float64(1+step)/float64(10+step))
}

// finalScope is the scope that validation scores, and that the trained model gets.
func (t *trainer) finalScope() string {
	if valueOf(t.Average) > 0 {
		return engine.ScopeAverage
	}
	return engine.ScopeFlow
}
