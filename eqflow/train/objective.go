package train

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/prior"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// ends are the two ends of the flow: the prior and the target.
type ends struct {
	prior  prior.MeanFree
	target target.Target
}

// loss is the training loss that the settings ask for, of a flow between its ends.
func (s Settings) loss(e ends, c flow.Config) engine.Loss {
	if s.followsTrajectories(c) {
		return pathGradient{s.Objective}
	}
	switch s.Objective {
	case Energy:
		if s.Path {
			return inGraph{energyLoss{e, s}}
		}
		return energyLoss{e, s}
	case Mixture:
		mixture := mixtureLoss{energyLoss{e, s}, likelihoodLoss{e, s}}
		if s.Path {
			return inGraph{mixture}
		}
		return mixture
	case FlowMatching, Annealed:
		return matchingLoss{s}
	case EnergyMatching:
		return energyMatchingLoss{e, s}
	default:
		return likelihoodLoss{e, s}
	}
}

// inGraph hides that a loss can be computed without a graph.
type inGraph struct{ engine.Loss }

// followsTrajectories reports whether the settings ask for path gradients that are made trajectory by trajectory.
func (s Settings) followsTrajectories(config flow.Config) bool {
	c, continuous := config.(flow.Continuous)
	_, kernel := c.WithDefaults().Field.(dynamics.RadialBasis)
	return continuous && s.Path && (s.Objective == Likelihood || !kernel)
}

// likelihoodLoss is −⟨log p(z) + log|det ∂z/∂x|⟩ over data, with the penalty and the Rényi term where they are asked for.
type likelihoodLoss struct {
	ends
	Settings
}

// String implements engine.Loss.
func (l likelihoodLoss) String() string { return string(Likelihood) }

// Graph implements engine.Loss.
func (l likelihoodLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	image := f.Inverse(in.X)
	logQ := Add(l.prior.LogProb(image.X), image.LogDet)
	loss := Neg(ReduceAllMean(logQ))
	if l.Renyi > 0 {
		loss = Add(loss, MulScalar(l.renyi(in.X, logQ), l.Renyi))
	}
	return penalised(loss, l.Penalty, image)
}

// renyi is ln⟨exp(−u − log q)⟩ over a batch of data: the Rényi divergence D₂(p‖q), less log Z. It is large where q is too
// low, so that it covers regions that the likelihood alone leaves thin.
func (l likelihoodLoss) renyi(x, logQ *Node) *Node {
	logW := Neg(Add(l.target.Energy(x), logQ))
	top := StopGradient(ReduceAllMax(logW))
	return Add(Log(ReduceAllMean(Exp(Sub(logW, top)))), top)
}

// AtImages implements engine.MapLoss.
func (l likelihoodLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	return []engine.MapTerm{{Share: 1, From: 1, X: in.X, Loss: func(z engine.Image) (float64, engine.Image) {
		return l.ofImages(in.X, z)
	}}}
}

// ofImages is the loss of the images z of data x, with its cotangents.
func (l likelihoodLoss) ofImages(x particle.Batch, z engine.Image) (loss float64, g engine.Image) {
	size := x.Len()
	loss, g = penaltyOf(l.Penalty, z)
	logW, gLogQ := make([]float64, size), make([]float64, size)
	if l.Renyi > 0 {
		logW = target.Energies(l.target, x)
	}
	for i := range size {
		logQ := l.prior.LogDensity(z.X.At(i)) + z.LogDet[i]
		loss -= logQ / float64(size)
		gLogQ[i] = -1 / float64(size)
		logW[i] = -logW[i] - logQ
	}
	if l.Renyi > 0 {
		renyi, share := logMeanExp(logW)
		loss += l.Renyi * renyi
		for i := range gLogQ {
			gLogQ[i] -= l.Renyi * share[i]
		}
	}
	for i, gq := range gLogQ {
		g.LogDet[i] = gq
		for c, v := range z.X.At(i) {
			g.X.At(i)[c] = -gq * v
		}
	}
	return loss, g
}

// energyLoss is ⟨u(x) − log|det ∂x/∂z|⟩ over prior draws: the reverse Kullback–Leibler divergence but for its constant.
type energyLoss struct {
	ends
	Settings
}

// String implements engine.Loss.
func (l energyLoss) String() string { return string(Energy) }

// Graph implements engine.Loss.
func (l energyLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	image := f.Forward(in.Z)
	u := tamed(l.target.Energy(image.X), l.EnergyCut)
	loss := ReduceAllMean(Sub(u, image.LogDet))
	if l.Path {
		along := l.pathSurrogate(f, image.X)
		loss = Add(StopGradient(Sub(loss, along)), along)
	}
	return penalised(loss, l.Penalty, image)
}

// pathSurrogate has the gradient of ⟨u(x) + log q(x)⟩ as x alone moves with the parameters, without log q's own dependence on
// them. Its value means nothing. ∇log q is that of the inverse solve, which is exact for the steps that it takes.
func (l energyLoss) pathSurrogate(f flow.Bijection, samples *Node) *Node {
	x := Identity(StopGradient(samples)) // of a stopped node itself every gradient is zero
	image := f.Inverse(x)
	logRatio := Add(tamed(l.target.Energy(x), l.EnergyCut), Add(l.prior.LogProb(image.X), image.LogDet))
	slope := StopGradient(Gradient(ReduceAllSum(logRatio), x)[0])
	return ReduceAllMean(ReduceSum(Mul(samples, slope), 1, 2))
}

// AtImages implements engine.MapLoss.
func (l energyLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	return []engine.MapTerm{{Share: 1, From: 0, X: in.Z, Loss: l.ofImages}}
}

// ofImages is the loss of the images x of prior draws, with its cotangents.
func (l energyLoss) ofImages(x engine.Image) (loss float64, g engine.Image) {
	size := float64(x.X.Len())
	loss, g = penaltyOf(l.Penalty, x)
	energies, slopes := target.TamedEnergiesGradients(l.target, x.X, l.EnergyCut)
	for i, u := range energies {
		loss += (u - x.LogDet[i]) / size
		g.LogDet[i] = -1 / size
		for c, s := range slopes.At(i) {
			g.X.At(i)[c] = s / size
		}
	}
	return loss, g
}

// mixtureLoss is EnergyShare of energyLoss and the rest of likelihoodLoss.
type mixtureLoss struct {
	energy     energyLoss
	likelihood likelihoodLoss
}

// String implements engine.Loss.
func (l mixtureLoss) String() string { return string(Mixture) }

// Graph implements engine.Loss.
func (l mixtureLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	share := l.energy.EnergyShare
	return Add(MulScalar(l.energy.Graph(f, in), share), MulScalar(l.likelihood.Graph(f, in), 1-share))
}

// AtImages implements engine.MapLoss.
func (l mixtureLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	terms := append(l.energy.AtImages(in), l.likelihood.AtImages(in)...)
	terms[0].Share, terms[1].Share = l.energy.EnergyShare, 1-l.energy.EnergyShare
	return terms
}

// tamed is target.Tame in a graph.
func tamed(u *Node, cut float64) *Node {
	excess := Max(AddScalar(u, -cut), ScalarZero(u.Graph(), u.DType()))
	return Add(Min(u, Scalar(u.Graph(), u.DType(), cut)), Log1P(excess))
}

func penalised(loss *Node, weight float64, image flow.Image) *Node {
	if weight <= 0 {
		return loss
	}
	return Add(loss, MulScalar(ReduceAllMean(image.Penalty), weight))
}

// penaltyOf returns the penalty's part of a loss, and cotangents that hold those of the penalty alone.
func penaltyOf(weight float64, image engine.Image) (loss float64, g engine.Image) {
	size := image.X.Len()
	g = engine.Image{
		X: particle.NewBatch(size, image.X.N, image.X.D), LogDet: make([]float64, size), Penalty: make([]float64, size),
	}
	if weight <= 0 {
		return 0, g
	}
	for i, p := range image.Penalty {
		loss += weight * p / float64(size)
		g.Penalty[i] = weight / float64(size)
	}
	return loss, g
}

// logMeanExp returns ln⟨exp v⟩ and its derivative by each v.
func logMeanExp(v []float64) (value float64, share []float64) {
	top, sum := math.Inf(-1), 0.0
	for _, x := range v {
		top = math.Max(top, x)
	}
	share = make([]float64, len(v))
	for i, x := range v {
		share[i] = math.Exp(x - top)
		sum += share[i]
	}
	for i := range share {
		share[i] /= sum
	}
	return top + math.Log(sum/float64(len(v))), share
}
