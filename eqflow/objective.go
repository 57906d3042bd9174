package eqflow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// loss builds the objective's scalar from what a step feeds: data x and prior draws z, both [batch, n, d], and flow times
// t [batch]. Nodes that the objective does not use are not touched.
func (m *Model) loss(s Settings, f flow.Bijection, x, z, t *Node) *Node {
	switch s.Objective {
	case Energy:
		return m.energyLoss(s, f, z)
	case Mixture:
		return Add(MulScalar(m.energyLoss(s, f, z), s.EnergyShare), MulScalar(m.likelihoodLoss(s, f, x), 1-s.EnergyShare))
	case FlowMatching:
		return matchingLoss(f.(flow.Partial), x, z, t)
	default:
		return m.likelihoodLoss(s, f, x)
	}
}

// likelihoodLoss is −⟨log p(z) + log|det ∂z/∂x|⟩ over data, plus the penalty and the Rényi term where they are asked for.
func (m *Model) likelihoodLoss(s Settings, f flow.Bijection, x *Node) *Node {
	image := f.Inverse(x)
	logQ := Add(m.Prior.LogProb(image.X), image.LogDet)
	loss := Neg(ReduceAllMean(logQ))
	if s.Renyi > 0 {
		loss = Add(loss, MulScalar(m.renyi(x, logQ), s.Renyi))
	}
	return penalised(s, loss, image)
}

// renyi is ln⟨exp(−u − log q)⟩ over a batch of data: the Rényi divergence D₂(p‖q), less log Z. What counts is where q is
// too low, so it covers what the likelihood alone leaves thin.
func (m *Model) renyi(x, logQ *Node) *Node {
	logW := Neg(Add(m.Target.Energy(x), logQ))
	top := StopGradient(ReduceAllMax(logW))
	return Add(Log(ReduceAllMean(Exp(Sub(logW, top)))), top)
}

// energyLoss is ⟨u(x) − log|det ∂x/∂z|⟩ over prior draws: the reverse Kullback–Leibler divergence but for its constant.
func (m *Model) energyLoss(s Settings, f flow.Bijection, z *Node) *Node {
	image := f.Forward(z)
	u := tamed(m.Target.Energy(image.X), s.EnergyCut)
	return penalised(s, ReduceAllMean(Sub(u, image.LogDet)), image)
}

// tamed is u up to the cut, and grows by its logarithm beyond: cut + ln(1 + u − cut).
func tamed(u *Node, cut float64) *Node {
	excess := Max(AddScalar(u, -cut), ScalarZero(u.Graph(), u.DType()))
	return Add(Min(u, Scalar(u.Graph(), u.DType(), cut)), Log1P(excess))
}

func penalised(s Settings, loss *Node, image flow.Image) *Node {
	if s.Penalty <= 0 {
		return loss
	}
	return Add(loss, MulScalar(ReduceAllMean(image.Penalty), s.Penalty))
}

// matchingLoss is ⟨|v(x_t, t) − (x − z)|²⟩ with x_t = (1−t) z + t x.
func matchingLoss(f flow.Partial, x, z, t *Node) *Node {
	at := BroadcastToShape(ExpandAxes(t, 1, 2), x.Shape())
	v, _ := f.At(t, Add(Mul(OneMinus(at), z), Mul(at, x)))
	miss := Sub(v, Sub(x, z))
	return ReduceAllMean(ReduceSum(Mul(miss, miss), 1, 2))
}
