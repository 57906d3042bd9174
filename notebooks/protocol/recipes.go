package protocol

import (
	"fmt"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Recipe is a kind of generator with its training.
type Recipe struct {
	Name     string
	Flow     flow.Config
	Settings train.Settings
}

// steps shortens training for quick runs, and for the Go backend.
func (l *Lab) steps(full, quick int) int { return l.session.Steps(full, quick) }

func kernelFlow() flow.Config { return flow.Continuous{Field: dynamics.RadialBasis{}, Steps: 20} }

// EqBG is the equivariant generator for the data of one trajectory.
func (l *Lab) EqBG() Recipe {
	return Recipe{"eqBG", kernelFlow(), train.Settings{Steps: l.steps(1200, 500)}}
}

// EqBGAll is the equivariant generator for equilibrium data of all states. RBFs narrower than the
// default reduce the drift of the NLL with finer steps. The Rényi term raises the ESS by two
// percentage points.
func (l *Lab) EqBGAll() Recipe {
	narrow := flow.Continuous{Field: dynamics.RadialBasis{Width: 0.3}, Steps: 20}
	return Recipe{"eqBG-all", narrow, train.Settings{
		Steps: l.steps(6000, 900), LearningRate: 1e-2, FinalRate: 0.005, Objective: train.Likelihood{Renyi: 0.5},
	}}
}

// EqBGTrap is an equivariant generator trained only by the likelihood. It falls into the
// integrator's trap: a likelihood that exists only at its own number of solver steps.
func (l *Lab) EqBGTrap() Recipe {
	return Recipe{"eqBG-no-penalty", kernelFlow(), train.Settings{
		Steps: l.steps(2500, 900), LearningRate: 1e-2, FinalRate: 0.005, Objective: train.Likelihood{Penalty: new(0.0)},
	}}
}

// NBG is RealNVP, stopped at the best NLL on its validation data.
func (l *Lab) NBG() Recipe {
	return Recipe{"nBG", flow.Coupling{}, train.Settings{
		Steps: l.steps(3000, 1000), LearningRate: 1e-3, Average: new(0.0),
		EarlyStop: true, ValidateEvery: l.steps(50, 50),
	}}
}

// NBGAugmented is RealNVP on data that are rotated, reflected and relabelled at random.
func (l *Lab) NBGAugmented() Recipe {
	return Recipe{"nBG-augmented", flow.Coupling{}, train.Settings{
		Steps: l.steps(20000, 3000), LearningRate: 2e-3, Augment: true,
	}}
}

// AllStates returns the training and test data for generators of all of DW4, each from independent
// chains.
func (l *Lab) AllStates() (train, test particle.Batch) {
	return l.Equilibrium("all-train", 10_000, 21), l.Equilibrium("all-test", 10_000, 22)
}

// Generator returns a generator of all of DW4 with equilibrium data, and the origin of the
// generator in words. If notebook 04 or 05 has trained one, it is that one, at full length if
// possible. Otherwise a small generator is trained here, in about a minute.
func (l *Lab) Generator() (m *eqflow.Model, data particle.Batch, from string) {
	for _, mode := range []string{"full", "quick"} {
		folder := filepath.Join(l.folder(mode), "models", l.EqBGAll().Name+"-1")
		card, err := eqflow.Describe(folder)
		if err != nil || !card.Finished {
			continue
		}
		m, _, err := eqflow.Load(l.backend.Backend, folder)
		train, _ := l.AllStates()
		return must(m, err), train, fmt.Sprintf("eqBG of notebooks 04 and 05, %d steps", card.Steps)
	}
	small := l.EqBGAll()
	small.Name, small.Settings.Steps = "eqBG-small", l.steps(1500, 400)
	data = l.Equilibrium("all-train", 10_000, 21)
	job := Job{Recipe: small, Seed: 1, Data: train.Data{Train: data}}
	card, err := eqflow.Describe(l.path("models", job.key()))
	finished := err == nil && card.Finished
	bar := figure.NewProgress("training", 0)
	trained := must(l.train(job, bar))
	if !finished {
		bar.Done("")
	}
	return trained.Model, data, fmt.Sprintf("eqBG trained here, %d steps", trained.Trained())
}
