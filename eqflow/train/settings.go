package train

import (
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// Objective names what training minimises.
type Objective string

// The objectives.
const (
	// Likelihood is the mean negative log-likelihood of the data, with the stage penalty that keeps it honest.
	Likelihood Objective = "likelihood"
	// Energy is the reverse Kullback–Leibler divergence, from the target's energy alone: it needs no data.
	Energy Objective = "energy"
	// Mixture is EnergyShare of Energy and the rest of Likelihood.
	Mixture Objective = "mixture"
	// FlowMatching regresses the field on the straight lines from prior draws to data (Lipman et al., arXiv:2210.02747),
	// paired as Settings.Coupling says; it solves no differential equation. Continuous flows only.
	FlowMatching Objective = "flow-matching"
	// Annealed is flow matching on the model's own samples, reweighted along a ladder of temperatures from a wide normal to
	// the target (see Rung): it needs no data. Continuous flows only.
	Annealed Objective = "annealed"
	// EnergyMatching regresses the field on an estimate of the marginal velocity from the target's energy at many places, at
	// points about the model's own samples (iDEM, Akhound-Sadegh et al., arXiv:2402.06121; for flows iEFM, Woo and Ahn,
	// arXiv:2408.16249): it needs no data and no weights. Continuous flows only.
	EnergyMatching Objective = "energy-matching"
)

// Objectives lists all of them.
var Objectives = []Objective{Likelihood, Energy, Mixture, FlowMatching, Annealed, EnergyMatching}

// Coupling names how FlowMatching pairs prior draws with data.
type Coupling string

// The couplings.
const (
	// Independent pairs them as they come.
	Independent Coupling = "independent"
	// OptimalTransport pairs and lays them so that the way is short, over order, rotation, reflection and relabelling
	// (particle.PairBatches): straighter flows, for the price of a biased pairing and host work. For equivariant flows.
	OptimalTransport Coupling = "ot"
)

// Couplings lists all of them.
var Couplings = []Coupling{Independent, OptimalTransport}

// Optimizer names what moves the parameters.
type Optimizer string

// The optimisers.
const (
	// Adam moves every number by its own gradients (Kingma and Ba, arXiv:1412.6980).
	Adam Optimizer = "adam"
	// Muon moves the matrices of weights, of 16 rows and columns or more, along the gradient with all its singular values made
	// alike, and the rest as Adam does. 3000 steps take the EGNN on DW4 to an ESS of 95 %, those of Adam at its best rate to 86 %
	// (notebooks/LOG.md).
	Muon Optimizer = "muon"
)

// Optimizers lists all of them.
var Optimizers = []Optimizer{Adam, Muon}

// Settings of a training run. Zero fields take the defaults, which suit DW4 and LJ13; Train
// fills in what suits its flow first (SuitFlow).
type Settings struct {
	Objective    Objective `json:"objective"`           // default Likelihood
	Coupling     Coupling  `json:"coupling,omitempty"`  // of FlowMatching; default Independent
	Steps        int       `json:"steps"`               // optimiser steps; default 4000
	Batch        int       `json:"batch"`               // configurations per step; default 256
	Optimizer    Optimizer `json:"optimizer,omitempty"` // default Adam; EGNN and one-hop, Muon
	LearningRate float64   `json:"learning_rate"`       // of the optimiser, at its highest; default 5e-3
	FinalRate    float64   `json:"final_rate"`          // share of LearningRate that the cosine schedule ends at; default 0.01
	WarmUp       int       `json:"warm_up"`             // steps of linear warm-up; default 50
	Clip         float64   `json:"clip"`                // bound on the gradient's global norm; default 20
	// Penalty weighs the disagreement of the solver's twin stages. Without it training by likelihood exploits the solver:
	// the NLL falls below the target's entropy and means nothing. Default 1; negative for none.
	Penalty float64 `json:"penalty"`
	// Renyi weighs the Rényi divergence D₂(p‖q) = ln⟨p/q⟩_p, which Likelihood then lowers beside the NLL: exp(−D₂) is the
	// effective sample size that reweighting will have (Midgley et al., arXiv:2208.01893). The data must be a fair sample
	// of the target. Default 0; 0.5 helps, much more is noisy.
	Renyi       float64 `json:"renyi,omitempty"`
	EnergyShare float64 `json:"energy_share"` // of Mixture; default 0.5
	// EnergyCut is the reduced energy above which Energy grows only by its logarithm, so that overlaps do not blow up.
	// Default 100.
	EnergyCut float64 `json:"energy_cut"`
	// Path takes the gradient of Energy, Mixture or Likelihood through the flow's trajectories alone, leaving out the part that is zero on
	// average (Roeder et al., arXiv:1703.09194; Vaitl et al., arXiv:2207.08219): no noise is left where the flow is right. It
	// uses the forces at the data, which must be a fair sample of the target. For the kernel field and RealNVP it costs a second
	// solve; for other fields, and for the likelihood, no graph of the whole solve is made, and the penalty plays no part
	// (see nodePower). A few hundred steps finish what flow matching began (Vaitl and Klein, arXiv:2505.10139).
	Path bool `json:"path,omitempty"`
	// Forces lets FlowMatching use the energy's gradient at the data, which takes the noise out of its regression late in
	// flow time. The data must be a fair sample of the target. Annealed always does.
	Forces bool `json:"forces,omitempty"`
	// Focus is a flow time about which FlowMatching draws half of its times, the others evenly (see flowTimes): where the field is
	// sharp, such as where the ways to different states part. Default 0.73 with Forces, else none, as for a negative one.
	Focus float64 `json:"focus,omitempty"`
	// Draws is how many configurations Annealed and EnergyMatching draw from the model at each rung; default 5000, and 1024.
	Draws int `json:"draws,omitempty"`
	// DrawEvery is the number of steps that they take on each rung; default Steps/20.
	DrawEvery int `json:"draw_every,omitempty"`
	// Moves is the number of MALA steps by which Annealed moves apart what it has resampled, which costs as many energies;
	// default 0.
	Moves int `json:"moves,omitempty"`
	// Probes is how many energies EnergyMatching evaluates for each configuration of a batch; default 128.
	Probes int `json:"probes,omitempty"`
	// Augment turns, reflects and relabels every training configuration at random: symmetry by data, for flows without it.
	Augment bool `json:"augment"`
	// Average is the decay of the moving average of the parameters that the trained model gets. Default 0.999; negative
	// for none.
	Average float64 `json:"average"`
	Seed    uint64  `json:"seed"` // of batches and prior draws
	// ValidateEvery is the number of steps between evaluations on the validation data, where there are any; default Steps/20.
	ValidateEvery int `json:"validate_every"`
	// EarlyStop keeps the parameters that did best on the validation data rather than the last.
	EarlyStop bool `json:"early_stop"`
	// CheckpointEvery is the number of steps between checkpoints, where training has a folder; default 500.
	CheckpointEvery int `json:"checkpoint_every"`
}

// The steps and the learning rate of SuitFlow for rich fields, with which the EGNN reached an ESS of 98 % on DW4 from 100 000
// configurations, with forces; 3000 steps reached 95 % (notebooks/LOG.md).
const (
	richSteps = 20000
	richRate  = 2e-3
)

// Those with path gradients, and the batch. At this rate 500 steps of half the batch took a matched one-hop field on LJ13 from 0.68
// nats of forward divergence to 0.31; three times the rate cost the EGNN on DW4 its ESS (notebooks/LOG.md).
const (
	pathSteps = 300
	pathRate  = 5e-4
	pathBatch = 64
	// pathCheckpoints is the number of steps between checkpoints: each takes seconds.
	pathCheckpoints = 20
)

// SuitFlow fills the zero fields in where a flow has a recipe of its own. The richer fields, EGNN and one-hop, train by flow
// matching: they fit nearly everything that they are shown, and training by likelihood would solve each step.
func (s Settings) SuitFlow(c flow.Config) Settings {
	if flow.TrainsByMatching(c) {
		if s.Path {
			s.Objective = orDefault(s.Objective, Likelihood)
			s.Steps, s.Batch, s.LearningRate = orDefault(s.Steps, pathSteps), orDefault(s.Batch, pathBatch), orDefault(s.LearningRate, pathRate)
			s.CheckpointEvery = orDefault(s.CheckpointEvery, pathCheckpoints)
		}
		s.Objective = orDefault(s.Objective, FlowMatching)
		if !s.Path { // with path gradients Muon let the shares of DW4's states drift (notebooks/LOG.md)
			s.Optimizer = orDefault(s.Optimizer, Muon)
		}
		s.LearningRate = orDefault(s.LearningRate, richRate)
		if s.Objective == FlowMatching {
			s.Steps = orDefault(s.Steps, richSteps)
		}
	}
	return s
}

// WithDefaults fills the zero fields in.
func (s Settings) WithDefaults() Settings {
	s.Objective = orDefault(s.Objective, Likelihood)
	if s.Objective == FlowMatching {
		s.Coupling = orDefault(s.Coupling, Independent)
	}
	if s.Forces && s.Objective == FlowMatching {
		s.Focus = orDefault(s.Focus, 0.73) // as good on DW4 as on LJ13 (notebooks/LOG.md)
	}
	s.Steps = orDefault(s.Steps, 4000)
	s.Batch = orDefault(s.Batch, 256)
	s.LearningRate = orDefault(s.LearningRate, 5e-3)
	s.FinalRate = orDefault(s.FinalRate, 0.01)
	s.WarmUp = orDefault(s.WarmUp, 50)
	s.Clip = orDefault(s.Clip, 20)
	s.Penalty = orDefault(s.Penalty, 1)
	s.EnergyShare = orDefault(s.EnergyShare, 0.5)
	s.EnergyCut = orDefault(s.EnergyCut, 100)
	s = s.ownDefaults()
	s.Average = orDefault(s.Average, 0.999)
	s.ValidateEvery = orDefault(s.ValidateEvery, max(1, s.Steps/20))
	s.CheckpointEvery = orDefault(s.CheckpointEvery, 500)
	return s
}

func (s Settings) ownDefaults() Settings {
	switch s.Objective {
	case Annealed:
		s.Draws = orDefault(s.Draws, 5000)
	case EnergyMatching:
		s.Draws, s.Probes = orDefault(s.Draws, 1024), orDefault(s.Probes, 128)
	default:
		return s
	}
	s.DrawEvery = orDefault(s.DrawEvery, max(1, s.Steps/20))
	s.Average = orDefault(s.Average, 0.995)
	return s
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// SettingsError names a setting out of range, or data that do not suit the run.
type SettingsError struct{ message string }

func (e *SettingsError) Error() string { return "eqflow: " + e.message }

// Validate returns a *SettingsError that names the first setting out of range.
func (s Settings) Validate() error {
	s = s.WithDefaults()
	bad := func(format string, args ...any) error { return &SettingsError{fmt.Sprintf(format, args...)} }
	switch {
	case !slices.Contains(Objectives, s.Objective):
		return bad("no objective %q; use one of %v", s.Objective, Objectives)
	case s.Coupling != "" && !slices.Contains(Couplings, s.Coupling):
		return bad("no coupling %q; use one of %v", s.Coupling, Couplings)
	case s.Coupling != "" && s.Objective != FlowMatching:
		return bad("a coupling is of flow matching, not of training by %s; leave it out", s.Objective)
	case s.Focus > 0 && s.Objective != FlowMatching:
		return bad("a focus of the flow times is of flow matching, not of training by %s; leave it out", s.Objective)
	case !(s.Focus < 1):
		return bad("focus on the flow time %g; give one between 0 and 1, or a negative one for none", s.Focus)
	case s.Optimizer != "" && !slices.Contains(Optimizers, s.Optimizer):
		return bad("no optimizer %q; use one of %v", s.Optimizer, Optimizers)
	case s.Path && s.matches():
		return bad("path gradients are of divergences, not of training by %s; leave them out", s.Objective)
	case s.Path && s.Renyi > 0:
		return bad("path gradients are not of the Rényi divergence; leave one of the two out")
	case s.Forces && s.Objective != FlowMatching:
		return bad("forces at the data are of flow matching, not of training by %s; leave them out", s.Objective)
	case s.Forces && s.Coupling == OptimalTransport:
		return bad("forces at the data go with independent coupling; leave --coupling or --forces out")
	case s.drawsItself() && (s.Draws < 2 || s.DrawEvery < 1 || s.Moves < 0):
		return bad("%d draws every %d steps, moved %d steps; give at least 2, 1 and 0", s.Draws, s.DrawEvery, s.Moves)
	case s.Objective == EnergyMatching && s.Probes < 1:
		return bad("%d probes of the energy; give at least 1, and better a hundred", s.Probes)
	case s.Steps < 1 || s.Batch < 1:
		return bad("%d steps with batches of %d; give at least 1 of each", s.Steps, s.Batch)
	case !(s.LearningRate > 0) || math.IsInf(s.LearningRate, 0):
		return bad("learning rate %g; give a positive number, 5e-3 to start with", s.LearningRate)
	case !(s.Renyi >= 0) || math.IsInf(s.Renyi, 0):
		return bad("Rényi weight %g; give 0 for none, or a positive number, 0.5 to start with", s.Renyi)
	case s.FinalRate < 0 || s.FinalRate > 1 || s.EnergyShare < 0 || s.EnergyShare > 1 || s.Average >= 1:
		return bad("final rate %g, energy share %g and average %g must lie between 0 and 1", s.FinalRate, s.EnergyShare, s.Average)
	}
	return nil
}

// rate is the learning rate of a step: linear warm-up, then a cosine down to FinalRate of the highest.
func (s Settings) rate(step int) float64 {
	if step < s.WarmUp {
		return s.LearningRate * float64(step+1) / float64(s.WarmUp)
	}
	progress := float64(step-s.WarmUp) / float64(max(1, s.Steps-s.WarmUp))
	low := s.FinalRate * s.LearningRate
	return low + (s.LearningRate-low)*(1+math.Cos(math.Pi*progress))/2
}

// needsData tells whether the objective learns from configurations that it is given.
func (s Settings) needsData() bool { return !s.Objective.DataFree() }

// DataFree tells whether training by the objective takes the energy alone.
func (o Objective) DataFree() bool { return o == Energy || o == Annealed || o == EnergyMatching }

// drawsItself tells whether the objective learns from the model's own draws.
func (s Settings) drawsItself() bool { return s.Objective == Annealed || s.Objective == EnergyMatching }

// needsPrior tells whether the objective draws from the prior.
func (s Settings) needsPrior() bool { return s.Objective != Likelihood }

// matches tells whether the objective regresses the field on velocities.
func (s Settings) matches() bool { return s.Objective == FlowMatching || s.drawsItself() }

// usesForces tells whether the regression uses the energy's gradient.
func (s Settings) usesForces() bool { return s.Forces || s.Objective == Annealed }

// energiesPerStep is how many energies a step's loss evaluates.
func (s Settings) energiesPerStep() int64 {
	if s.Objective == Energy || s.Objective == Mixture || s.Objective == Likelihood && (s.Renyi > 0 || s.Path) {
		return int64(s.Batch)
	}
	if s.Objective == EnergyMatching {
		return int64(s.Batch) * int64(s.Probes)
	}
	return 0
}
