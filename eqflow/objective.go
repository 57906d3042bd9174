package eqflow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// fed is what a step feeds the loss: data x, prior draws z and slopes ∇u of the data, all [batch, n, d], flow times t
// [batch], the stiffness, a number, and for EnergyMatching normal draws [probes·batch, n, d] and the width of the wide normal.
// Nodes that the objective does not use are not touched.
type fed struct{ x, z, t, slopes, stiffness, probes, spread, value *Node }

// fedBy takes a graph's inputs, in the order of Inputs.tensors.
func fedBy(in []*Node) fed { return fed{in[0], in[1], in[2], in[3], in[4], in[5], in[6], in[7]} }

// loss builds the objective's scalar.
func (m *Model) loss(s Settings, f flow.Bijection, in fed) *Node {
	if m.usesPathGradients(s) {
		return pathLoss(f.(flow.Partial), in)
	}
	switch s.Objective {
	case Energy:
		return m.energyLoss(s, f, in.z)
	case Mixture:
		return Add(MulScalar(m.energyLoss(s, f, in.z), s.EnergyShare), MulScalar(m.likelihoodLoss(s, f, in.x), 1-s.EnergyShare))
	case FlowMatching, Annealed, EnergyMatching:
		return m.matchingLoss(s, f.(flow.Partial), in)
	default:
		return m.likelihoodLoss(s, f, in.x)
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
	loss := ReduceAllMean(Sub(u, image.LogDet))
	if s.Path {
		along := m.pathSurrogate(s, f, image.X)
		loss = Add(StopGradient(Sub(loss, along)), along)
	}
	return penalised(s, loss, image)
}

// pathSurrogate has the gradient of ⟨u(x) + log q(x)⟩ as x alone moves with the parameters, log q's own dependence on them
// left out: its value means nothing. ∇log q is that of the inverse solve, which is exact for the steps that it takes.
func (m *Model) pathSurrogate(s Settings, f flow.Bijection, samples *Node) *Node {
	x := Identity(StopGradient(samples)) // of a stopped node itself every gradient is zero
	image := f.Inverse(x)
	logRatio := Add(tamed(m.Target.Energy(x), s.EnergyCut), Add(m.Prior.LogProb(image.X), image.LogDet))
	slope := StopGradient(Gradient(ReduceAllSum(logRatio), x)[0])
	return ReduceAllMean(ReduceSum(Mul(samples, slope), 1, 2))
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
