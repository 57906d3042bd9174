package train

import (
	"cmp"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// Mixture is Share·Energy + (1 − Share)·Likelihood. It lowers both the forward and the reverse
// divergence between target and flow.
type Mixture struct {
	Penalty *float64 `json:"penalty,omitempty"`      // as in Likelihood
	Renyi   float64  `json:"renyi,omitempty"`        // as in Likelihood
	Share   float64  `json:"energy_share,omitempty"` // weight of Energy; default 0.5
	Cut     float64  `json:"energy_cut,omitempty"`   // as in Energy
	// Path is as in Energy. Of the internal flow, the energy moves the stiff coordinates given the
	// soft ones, which learn from the data alone.
	Path bool `json:"path,omitempty"`
}

// String implements Objective.
func (Mixture) String() string { return "mixture" }

// WithDefaults implements Defaulting.
func (o Mixture) WithDefaults(int) Objective {
	o.Penalty, o.Share, o.Cut = orDefault(o.Penalty, 1), cmp.Or(o.Share, 0.5), cmp.Or(o.Cut, defaultCut)
	return o
}

func (o Mixture) likelihood() Likelihood { return Likelihood{o.Penalty, o.Renyi, o.Path} }

func (o Mixture) energy() Energy { return Energy{o.Penalty, o.Cut, o.Path} }

// Validate implements Objective.
func (o Mixture) Validate() error {
	if !(o.Share >= 0 && o.Share <= 1) {
		return badSetting("energy share %g; give one between 0 and 1", o.Share)
	}
	if err := o.energy().Validate(); err != nil {
		return err
	}
	return o.likelihood().Validate()
}

// Fits implements Objective.
func (o Mixture) Fits(c flow.Config, devices int) error { return trajectoriesFit(o, c, devices) }

// DataFree implements Objective.
func (Mixture) DataFree() bool { return false }

// FollowsTrajectories implements PathObjective.
func (o Mixture) FollowsTrajectories(c flow.Config) bool { return o.energy().FollowsTrajectories(c) }

// EnergyInGraph implements GraphObjective.
func (o Mixture) EnergyInGraph(c flow.Config) bool {
	return o.energy().EnergyInGraph(c)
}

// Feed implements Objective.
func (o Mixture) Feed(f *Feed, step int) (in engine.Inputs, err error) {
	in.X, _ = f.Data(step)
	in.Z, _ = f.PriorDraws(step)
	switch {
	case o.FollowsTrajectories(f.flow):
		return f.trajectories(o.Cut, leg{in.X, true, 1 - o.Share}, leg{in.Z, false, o.Share})
	case o.energy().isConditional(f.flow):
		err = f.conditional(&in, o.Cut)
	}
	return in, err
}

// Energies implements Objective.
func (o Mixture) Energies(batch int, c flow.Config) int64 {
	if o.FollowsTrajectories(c) {
		return 2 * int64(batch) // at the draws and at the data
	}
	return int64(batch)
}

// Loss implements Objective.
func (o Mixture) Loss(e Ends, c flow.Config) engine.Loss {
	loss := mixtureLoss{energyLoss{e, o.energy()}, likelihoodLoss{e, o.likelihood()}, o.Share}
	switch {
	case o.FollowsTrajectories(c):
		return pathGradientLoss{o.String()}
	case o.energy().isConditional(c):
		return conditionalMixture{loss.likelihood, o.Share}
	case o.Path:
		return inGraph{loss}
	}
	return loss
}

// mixtureLoss is the loss of Mixture.
type mixtureLoss struct {
	energy     energyLoss
	likelihood likelihoodLoss
	share      float64
}

// String implements engine.Loss.
func (l mixtureLoss) String() string { return Mixture{}.String() }

// Graph implements engine.Loss.
func (l mixtureLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	return Add(MulScalar(l.energy.Graph(f, in), l.share), MulScalar(l.likelihood.Graph(f, in), 1-l.share))
}

// AtImages implements engine.MapLoss.
func (l mixtureLoss) AtImages(in engine.Inputs) []engine.MapTerm {
	terms := append(l.energy.AtImages(in), l.likelihood.AtImages(in)...)
	terms[0].Share, terms[1].Share = l.share, 1-l.share
	return terms
}
