package protocol

import (
	"fmt"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
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

// EqBGAll is notebook 05's equivariant generator for equilibrium data of all states. RBFs narrower
// than the default reduce the drift of the NLL with finer steps. The Rényi term raises the ESS by
// two percentage points.
func (l *Lab) EqBGAll() Recipe {
	return Recipe{
		Name: "eqBG-all", Flow: flow.Continuous{Field: dynamics.RadialBasis{Width: 0.3}, Steps: 20},
		Settings: train.Settings{
			Steps: l.steps(6000, 900), LearningRate: 1e-2, FinalRate: 0.005, Objective: train.Likelihood{Renyi: 0.5},
		},
	}
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
	trained := l.Train(job)[0]
	return trained.Model, data, fmt.Sprintf("eqBG trained here, %d steps", trained.Trained())
}
