package train

import (
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// conditionalLoss is Mixture of a flow.Conditional: the likelihood of data, and the reverse
// divergence with the path gradient of some coordinates given the others. The energy has no graph.
type conditionalLoss struct {
	likelihood likelihoodLoss
	share      float64
}

// String implements engine.Loss.
func (conditionalLoss) String() string { return Mixture{}.String() + " with path gradients" }

// Graph implements engine.Loss.
func (l conditionalLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	surrogate := ReduceAllMean(Mul(f.(flow.Conditional).PathGiven(in.Z, in.Slopes), in.Weights))
	reverse := Add(in.Value, Sub(surrogate, StopGradient(surrogate)))
	return Add(MulScalar(reverse, l.share), MulScalar(l.likelihood.Graph(f, in), 1-l.share))
}

// An image counts if its u + log q lies at most farAbove, and at most farRatio times the distance
// from the lowest fifth to the median, above the median. The others are far from the target: their
// forces say nothing about it.
const (
	farAbove = 12.0
	farRatio = 3.0
)

// conditional fills in the inputs of conditionalLoss: ∇u at the images of in.Z, the weights of
// the images that count, and the mean of u + log q over them.
func (f *Feed) conditional(in *engine.Inputs, cut float64) error {
	image, err := f.q.Forward(in.Z, 0)
	if err != nil {
		return err
	}
	u, slopes := target.TamedEnergiesGradients(f.Target, image.X, cut)
	in.Slopes = slopes
	for i := range u {
		u[i] += image.LogQ[i]
	}
	order := slices.Sorted(slices.Values(u))
	median := order[len(order)/2]
	limit := median + max(farAbove, farRatio*(median-order[len(order)/5]))
	in.Weights = make([]float64, len(u))
	counted, sum := 0, 0.0
	for i, v := range u {
		if v <= limit && !math.IsNaN(v) {
			counted++
			sum += v
			in.Weights[i] = 1
		}
	}
	for i := range in.Weights {
		in.Weights[i] *= float64(len(u)) / float64(max(counted, 1))
	}
	for k := range slopes.X { // a row without weight must not spoil the others
		if in.Weights[k/(slopes.N*slopes.D)] == 0 {
			slopes.X[k] = 0
		}
	}
	in.Value = sum / float64(max(counted, 1))
	return nil
}
