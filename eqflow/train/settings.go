package train

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// Optimizer names the rule that moves the parameters.
type Optimizer string

// The optimisers.
const (
	// Adam scales the step of every number by the history of its gradients (Kingma and Ba,
	// arXiv:1412.6980).
	Adam Optimizer = "adam"
	// Muon equalises the singular values of the update of each weight matrix with at least 16 rows
	// and 16 columns, and moves the other parameters by Adam. With Muon, 3000 steps take the EGNN
	// on DW4 to an ESS of 95 %. With Adam at its best rate they reach 86 % (notebooks/LOG.md).
	Muon Optimizer = "muon"
)

// Optimizers lists the optimisers.
var Optimizers = []Optimizer{Adam, Muon}

// Settings are the settings of a training run. Zero fields take the defaults, which suit DW4 and
// LJ13. Train first fills in the settings that suit its flow (SuitFlow).
type Settings struct {
	// Objective is the quantity that training minimises. Default Likelihood{}, and Matching{} for
	// the EGNN and one-hop fields.
	Objective    Objective `json:"-"`
	Steps        int       `json:"steps"`               // optimiser steps; default 4000
	Batch        int       `json:"batch"`               // configurations per step; default 256
	Optimizer    Optimizer `json:"optimizer,omitempty"` // default Adam; Muon for EGNN and one-hop
	LearningRate float64   `json:"learning_rate"`       // the largest; default 5e-3
	FinalRate    float64   `json:"final_rate"`          // the last rate, as a share of LearningRate; default 0.01
	WarmUp       int       `json:"warm_up"`             // steps of linear warm-up; default 50
	Clip         float64   `json:"clip"`                // bound on the gradient's global norm; default 20
	// Augment rotates, reflects and relabels every training configuration at random. It teaches the
	// symmetry to flows that do not have it.
	Augment bool `json:"augment"`
	// Average is the decay of the moving average of the parameters, which becomes the trained
	// model. Default 0.999, and 0.995 for objectives that draw from the model; 0 for none.
	Average *float64 `json:"average"`
	Seed    uint64   `json:"seed"` // of batches and prior draws
	// ValidateEvery is the number of steps between evaluations on the validation data, if there are
	// any. Default a twentieth of all steps.
	ValidateEvery int `json:"validate_every"`
	// EarlyStop keeps the parameters with the lowest NLL on the validation data instead of the last
	// ones.
	EarlyStop bool `json:"early_stop"`
	// CheckpointEvery is the number of steps between checkpoints, if the run has a folder. Default
	// 500.
	CheckpointEvery int `json:"checkpoint_every"`
}

// The steps and the learning rate that SuitFlow sets for the EGNN and one-hop fields. With them and
// with forces, the EGNN reached an ESS of 98 % on DW4 from 100 000 configurations; 3000 steps
// reached 95 % (notebooks/LOG.md).
const (
	richSteps = 20000
	richRate  = 2e-3
)

// The settings that SuitFlow sets for path gradients. At this rate, 500 steps with half the batch
// took a one-hop field on LJ13 after flow matching from a forward divergence of 0.68 nats to 0.31.
// At three times the rate the EGNN on DW4 lost its ESS (notebooks/LOG.md).
const (
	pathSteps = 300
	pathRate  = 5e-4
	pathBatch = 64
	// pathCheckpoints is the number of steps between checkpoints. It is small because a step takes
	// seconds.
	pathCheckpoints = 20
)

// The settings that SuitFlow sets for molecules in internal coordinates, for training by
// likelihood.
const (
	internalSteps = 3000
	internalBatch = 512
	internalRate  = 1e-3
	// internalPathAverage is for its path gradients, of which a few hundred steps help: an average
	// over a thousand would hold on to the parameters that they start from.
	internalPathAverage = 0.99
	// The energy alone needs more steps.
	internalEnergySteps = 8000
	internalEnergyRate  = 1.5e-3
)

// SuitFlow fills in the zero fields for which a flow has a recipe of its own. The EGNN and one-hop
// fields train by flow matching. They fit the data nearly perfectly, and training by likelihood
// would solve the flow at every step.
func (s Settings) SuitFlow(c flow.Config) Settings {
	if _, ok := c.(flow.Internal); ok {
		if o, ok := s.Objective.(Energy); ok && o.isConditional(c) {
			s.Steps, s.LearningRate = cmp.Or(s.Steps, internalEnergySteps), cmp.Or(s.LearningRate, internalEnergyRate)
		}
		s.Steps, s.Batch = cmp.Or(s.Steps, internalSteps), cmp.Or(s.Batch, internalBatch)
		s.LearningRate = cmp.Or(s.LearningRate, internalRate)
		if o, ok := s.Objective.(Mixture); ok && o.Path {
			s.Average = orDefault(s.Average, internalPathAverage)
		}
		return s
	}
	if !flow.TrainsByMatching(c) {
		return s
	}
	if s.Objective == nil {
		s.Objective = Matching{}
	}
	if followsTrajectories(s.Objective, c) {
		s.Steps, s.Batch = cmp.Or(s.Steps, pathSteps), cmp.Or(s.Batch, pathBatch)
		s.LearningRate = cmp.Or(s.LearningRate, pathRate)
		s.CheckpointEvery = cmp.Or(s.CheckpointEvery, pathCheckpoints)
		return s // by Adam: with Muon the shares of DW4's states drifted (notebooks/LOG.md)
	}
	s.Optimizer = cmp.Or(s.Optimizer, Muon)
	s.LearningRate = cmp.Or(s.LearningRate, richRate)
	if _, ok := s.Objective.(Matching); ok {
		s.Steps = cmp.Or(s.Steps, richSteps)
	}
	return s
}

// WithDefaults fills in the zero fields.
func (s Settings) WithDefaults() Settings {
	if s.Objective == nil {
		s.Objective = Likelihood{}
	}
	s.Steps = cmp.Or(s.Steps, 4000)
	s.Batch = cmp.Or(s.Batch, 256)
	s.LearningRate = cmp.Or(s.LearningRate, 5e-3)
	s.FinalRate = cmp.Or(s.FinalRate, 0.01)
	s.WarmUp = cmp.Or(s.WarmUp, 50)
	s.Clip = cmp.Or(s.Clip, 20)
	if _, ok := s.Objective.(LadderObjective); ok {
		s.Average = orDefault(s.Average, 0.995)
	}
	s.Average = orDefault(s.Average, 0.999)
	s.ValidateEvery = cmp.Or(s.ValidateEvery, max(1, s.Steps/20))
	s.CheckpointEvery = cmp.Or(s.CheckpointEvery, 500)
	if o, ok := s.Objective.(Defaulting); ok {
		s.Objective = o.WithDefaults(s.Steps)
	}
	return s
}

// SettingsError is a setting out of range, or data that do not suit the run.
type SettingsError struct{ message string }

func (e *SettingsError) Error() string { return "eqflow: " + e.message }

func badSetting(format string, args ...any) error {
	return &SettingsError{fmt.Sprintf(format, args...)}
}

// Validate returns a *SettingsError that names the first setting out of range.
func (s Settings) Validate() error {
	if err := validateAverage(s.Average); err != nil {
		return err
	}
	if s.Objective != nil {
		if err := s.Objective.Validate(); err != nil {
			return err
		}
	}
	s = s.WithDefaults()
	switch {
	case s.Optimizer != "" && !slices.Contains(Optimizers, s.Optimizer):
		return badSetting("no optimizer %q; use one of %v", s.Optimizer, Optimizers)
	case s.Steps < 1 || s.Batch < 1:
		return badSetting("%d steps with batches of %d; give at least 1 of each", s.Steps, s.Batch)
	case !(s.LearningRate > 0) || math.IsInf(s.LearningRate, 0):
		return badSetting("learning rate %g; give a positive number, 5e-3 to start with", s.LearningRate)
	case s.FinalRate < 0 || s.FinalRate > 1:
		return badSetting("final rate %g must lie between 0 and 1", s.FinalRate)
	}
	return s.Objective.Validate()
}

func validateAverage(average *float64) error {
	if a := valueOf(average); !(a >= 0 && a < 1) {
		return badSetting("average %g; give a decay between 0 and 1, or 0 for none", a)
	}
	return nil
}

// rate returns the learning rate of a step: a linear warm-up, then a cosine down to FinalRate times
// the largest rate.
func (s Settings) rate(step int) float64 {
	if step < s.WarmUp {
		return s.LearningRate * float64(step+1) / float64(s.WarmUp)
	}
	progress := float64(step-s.WarmUp) / float64(max(1, s.Steps-s.WarmUp))
	last := s.FinalRate * s.LearningRate
	return last + (s.LearningRate-last)*(1+math.Cos(math.Pi*progress))/2
}
