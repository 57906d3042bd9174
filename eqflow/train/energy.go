package train

import (
	"cmp"
	"math"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// defaultCut is the reduced energy above which the excess counts by its logarithm.
const defaultCut = 100

// Energy is the reverse Kullback–Leibler divergence without its constant, ⟨u(x) − log|det ∂x/∂z|⟩
// over draws z from the prior. It needs no data.
type Energy struct {
	Penalty *float64 `json:"penalty,omitempty"` // as in Likelihood
	// Cut is the reduced energy above which the excess counts by its logarithm, so that overlapping
	// particles do not dominate the loss. Default 100.
	Cut float64 `json:"energy_cut,omitempty"`
	// Path takes path gradients, as in Likelihood. For the kernel field and RealNVP they cost a
	// second solve. For other fields training builds no graph of the whole solve, and Penalty has
	// no effect. Of the internal flow, the stiff coordinates follow path gradients given the soft
	// ones, which learn from importance weights, while the temperature falls from four times that
	// of the target.
	Path bool `json:"path,omitempty"`
}

// String implements Objective.
func (Energy) String() string { return "energy" }

// WithDefaults implements Defaulting.
func (o Energy) WithDefaults(int) Objective {
	o.Penalty, o.Cut = orDefault(o.Penalty, 1), cmp.Or(o.Cut, defaultCut)
	return o
}

// Validate implements Objective.
func (o Energy) Validate() error {
	if err := validateCut(o.Cut); err != nil {
		return err
	}
	return validatePenalty(o.Penalty)
}

func validateCut(cut float64) error {
	if math.IsNaN(cut) || cut < 0 {
		return badSetting("energies are cut at %g; give a positive number, or 0 for %d", cut, defaultCut)
	}
	return nil
}

// Fits implements Objective.
func (o Energy) Fits(c flow.Config, devices int) error { return trajectoriesFit(o, c, devices) }

// DataFree implements Objective.
func (Energy) DataFree() bool { return true }

// FollowsTrajectories implements PathObjective.
func (o Energy) FollowsTrajectories(c flow.Config) bool {
	return o.Path && isContinuous(c) && !isRadialBasis(c)
}

// EnergyInGraph implements GraphObjective.
func (o Energy) EnergyInGraph(c flow.Config) bool {
	return !o.FollowsTrajectories(c) && !o.isConditional(c)
}

// isConditional reports whether some coordinates take path gradients, given the others.
func (o Energy) isConditional(c flow.Config) bool {
	_, ok := c.(flow.Internal)
	return ok && o.Path
}

// Feed implements Objective.
func (o Energy) Feed(f *Feed, step int) (in engine.Inputs, err error) {
	if o.isConditional(f.flow) {
		return f.conditionalEnergy(step, o.Cut)
	}
	in.Z, _ = f.PriorDraws(step)
	if o.FollowsTrajectories(f.flow) {
		return f.trajectories(o.Cut, leg{in.Z, false, 1})
	}
	return in, nil
}

// Energies implements Objective.
func (o Energy) Energies(batch int, _ flow.Config) int64 { return int64(batch) }

// Loss implements Objective.
func (o Energy) Loss(e Ends, c flow.Config) engine.Loss {
	switch {
	case o.FollowsTrajectories(c):
		return pathGradientLoss{o.String()}
	case o.isConditional(c):
		return conditionalEnergy{}
	case o.Path:
		return inGraph{energyLoss{e, o}}
	}
	return energyLoss{e, o}
}

// inGraph hides the methods by which an engine would compute a loss without a graph.
type inGraph struct{ engine.Loss }

// energyLoss is the loss of Energy.
type energyLoss struct {
	Ends
	Energy
}

// Graph implements engine.Loss.
func (l energyLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	image := f.Forward(in.Z)
	u := tamed(l.Target.Energy(image.X), l.Cut)
	loss := ReduceAllMean(Sub(u, image.LogDet))
	if l.Path {
		surrogate := l.pathSurrogate(f, image.X)
		loss = Add(StopGradient(Sub(loss, surrogate)), surrogate)
	}
	return penalised(loss, valueOf(l.Penalty), image)
}

// pathSurrogate has the gradient of ⟨u(x) + log q(x)⟩ in which only x moves with the parameters;
// the parameters inside log q stay fixed. Its value has no meaning. ∇log q is the gradient of the
// inverse solve, which is exact for the steps that the solver takes.
func (l energyLoss) pathSurrogate(f flow.Bijection, samples *Node) *Node {
	x := Identity(StopGradient(samples)) // the gradient by a stopped node is zero
	image := f.Inverse(x)
	logRatio := Add(tamed(l.Target.Energy(x), l.Cut), Add(l.Prior.LogProb(image.X), image.LogDet))
	slope := StopGradient(Gradient(ReduceAllSum(logRatio), x)[0])
	return ReduceAllMean(ReduceSum(Mul(samples, slope), 1, 2))
}

// AtImages implements engine.MapLoss.
func (l energyLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	return []engine.MapTerm{{Share: 1, From: 0, X: in.Z, Loss: l.imageLoss}}
}

// imageLoss returns the loss at the images x of prior draws, and its cotangents.
func (l energyLoss) imageLoss(x engine.Image) (loss float64, g engine.Image) {
	size := float64(x.X.Len())
	loss, g = penaltyOf(valueOf(l.Penalty), x)
	energies, slopes := target.TamedEnergiesGradients(l.Target, x.X, l.Cut)
	for i, u := range energies {
		loss += (u - x.LogDet[i]) / size
		g.LogDet[i] = -1 / size
		for c, s := range slopes.At(i) {
			g.X.At(i)[c] = s / size
		}
	}
	return loss, g
}
