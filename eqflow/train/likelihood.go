package train

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Likelihood is the mean negative log-likelihood of the data, −⟨log p(z) + log|det ∂z/∂x|⟩, plus
// the stage penalty, which keeps the likelihood trustworthy.
type Likelihood struct {
	// Penalty is the weight of the disagreement of the solver's twin stages. Without it, training
	// by likelihood exploits the solver: the NLL falls below the target's entropy and loses its
	// meaning. Default 1; 0 for none.
	Penalty *float64 `json:"penalty,omitempty"`
	// Renyi is the weight of the Rényi divergence D₂(p‖q) = ln⟨p/q⟩_p, which training then lowers
	// together with the NLL. exp(−D₂) is the effective sample size that reweighting will have
	// (Midgley et al., arXiv:2208.01893). The data must be a fair sample of the target. 0.5 helps;
	// a much larger weight is noisy.
	Renyi float64 `json:"renyi,omitempty"`
	// Path takes the gradient through the flow's trajectories alone. It omits the part of the
	// gradient whose mean is zero (Roeder et al., arXiv:1703.09194; Vaitl and Klein,
	// arXiv:2505.10139), so that no noise is left where the flow is right. It uses the forces at
	// the data, which must be a fair sample of the target. Penalty has no effect then. A few
	// hundred steps remove most of the error that flow matching leaves.
	Path bool `json:"path,omitempty"`
}

// String implements Objective.
func (Likelihood) String() string { return "likelihood" }

// WithDefaults implements Defaulting.
func (o Likelihood) WithDefaults(int) Objective {
	o.Penalty = orDefault(o.Penalty, 1)
	return o
}

// Validate implements Objective.
func (o Likelihood) Validate() error {
	switch {
	case !(o.Renyi >= 0) || math.IsInf(o.Renyi, 0):
		return badSetting("Rényi weight %g; give 0 for none, or a positive number, 0.5 to start with", o.Renyi)
	case o.Path && o.Renyi > 0:
		return badSetting("path gradients do not include the Rényi divergence; leave one of the two out")
	}
	return validatePenalty(o.Penalty)
}

func validatePenalty(penalty *float64) error {
	if p := valueOf(penalty); !(p >= 0) || math.IsInf(p, 0) {
		return badSetting("penalty %g; give 0 for none, or a positive number, 1 to start with", p)
	}
	return nil
}

// Fits implements Objective.
func (o Likelihood) Fits(c flow.Config, devices int) error {
	if o.Path && !isContinuous(c) {
		return badSetting("path gradients of the likelihood need a continuous flow, not %T; leave them out", c)
	}
	return trajectoriesFit(o, c, devices)
}

// trajectoriesFit returns an error for several devices if the objective follows trajectories, which
// one device does alone.
func trajectoriesFit(o PathObjective, c flow.Config, devices int) error {
	if devices > 1 && o.FollowsTrajectories(c) {
		return badSetting("path gradients of this flow run on one device; leave the other devices out")
	}
	return nil
}

// DataFree implements Objective.
func (Likelihood) DataFree() bool { return false }

// FollowsTrajectories implements PathObjective.
func (o Likelihood) FollowsTrajectories(c flow.Config) bool { return o.Path && isContinuous(c) }

// isRadialBasis reports whether a flow is continuous with the kernel field.
func isRadialBasis(config flow.Config) bool {
	c, ok := config.(flow.Continuous)
	if !ok {
		return false
	}
	_, ok = c.WithDefaults().Field.(dynamics.RadialBasis)
	return ok
}

// Feed implements Objective.
func (o Likelihood) Feed(f *Feed, step int) (in engine.Inputs, err error) {
	in.X, _ = f.Data(step)
	if o.FollowsTrajectories(f.flow) {
		return f.trajectories(defaultCut, leg{in.X, true, 1})
	}
	return in, nil
}

// Energies implements Objective.
func (o Likelihood) Energies(batch int, _ flow.Config) int64 {
	if o.Renyi > 0 || o.Path {
		return int64(batch)
	}
	return 0
}

// EnergyInGraph implements GraphObjective.
func (o Likelihood) EnergyInGraph(flow.Config) bool { return o.Renyi > 0 }

// Loss implements Objective.
func (o Likelihood) Loss(e Ends, c flow.Config) engine.Loss {
	if o.FollowsTrajectories(c) {
		return pathGradientLoss{o.String()}
	}
	return likelihoodLoss{e, o}
}

// likelihoodLoss is the loss of Likelihood.
type likelihoodLoss struct {
	Ends
	Likelihood
}

// Graph implements engine.Loss.
func (l likelihoodLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	image := f.Inverse(in.X)
	logQ := Add(l.Prior.LogProb(image.X), image.LogDet)
	loss := Neg(ReduceAllMean(logQ))
	if l.Renyi > 0 {
		loss = Add(loss, MulScalar(l.renyi(in.X, logQ), l.Renyi))
	}
	return penalised(loss, valueOf(l.Penalty), image)
}

// renyi is ln⟨exp(−u − log q)⟩ over a batch of data: the Rényi divergence D₂(p‖q) minus log Z. It
// is large where q is too low, so that q comes to cover regions that the likelihood alone leaves
// thin.
func (l likelihoodLoss) renyi(x, logQ *Node) *Node {
	logW := Neg(Add(l.Target.Energy(x), logQ))
	top := StopGradient(ReduceAllMax(logW))
	return Add(Log(ReduceAllMean(Exp(Sub(logW, top)))), top)
}

// AtImages implements engine.MapLoss.
func (l likelihoodLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	return []engine.MapTerm{{Share: 1, From: 1, X: in.X, Loss: func(z engine.Image) (float64, engine.Image) {
		return l.imageLoss(in.X, z)
	}}}
}

// imageLoss returns the loss at the images z of data x, and its cotangents.
func (l likelihoodLoss) imageLoss(x particle.Batch, z engine.Image) (loss float64, g engine.Image) {
	size := x.Len()
	loss, g = penaltyOf(valueOf(l.Penalty), z)
	logW, gLogQ := make([]float64, size), make([]float64, size)
	if l.Renyi > 0 {
		logW = target.Energies(l.Target, x)
	}
	for i := range size {
		logQ := l.Prior.LogDensity(z.X.At(i)) + z.LogDet[i]
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

// penalised adds the mean penalty of the images to a loss.
func penalised(loss *Node, weight float64, image flow.Image) *Node {
	if weight <= 0 {
		return loss
	}
	return Add(loss, MulScalar(ReduceAllMean(image.Penalty), weight))
}

// penaltyOf returns the penalty's contribution to a loss, and its cotangents.
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
