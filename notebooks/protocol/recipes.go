package protocol

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// Recipe is a kind of generator and how it is trained.
type Recipe struct {
	Name     string
	Flow     flow.Config
	Settings train.Settings
}

// steps shortens training for quick runs, and for the Go backend, which is an order of magnitude slower than XLA.
func (l *Lab) steps(full, quick int) int {
	n := full
	if l.Quick {
		n = quick
	}
	if l.backend.Kind == xla.Go {
		n = max(20, n/20)
	}
	return n
}

func kernelFlow() flow.Config { return flow.Continuous{Field: dynamics.RadialBasis{}, Steps: 20} }

// EqBG is the equivariant generator for the data of one trajectory.
func (l *Lab) EqBG() Recipe {
	return Recipe{"eqBG", kernelFlow(), train.Settings{Steps: l.steps(1200, 500)}}
}

// EqBGAll is the equivariant generator for equilibrium data of all states. Narrower RBFs than the default lower the drift
// of the NLL with finer steps, and the Rényi term raises the ESS by two points.
func (l *Lab) EqBGAll() Recipe {
	narrow := flow.Continuous{Field: dynamics.RadialBasis{Width: 0.3}, Steps: 20}
	return Recipe{"eqBG-all", narrow, train.Settings{Steps: l.steps(6000, 900), LearningRate: 1e-2, FinalRate: 0.005, Renyi: 0.5}}
}

// EqBGTrap is an equivariant generator trained by the likelihood alone: it walks into the integrator's trap.
func (l *Lab) EqBGTrap() Recipe {
	return Recipe{"eqBG-no-penalty", kernelFlow(), train.Settings{Steps: l.steps(2500, 900), LearningRate: 1e-2, FinalRate: 0.005, Penalty: -1}}
}

// NBG is RealNVP, stopped where it does best on its validation data.
func (l *Lab) NBG() Recipe {
	return Recipe{"nBG", flow.Coupling{}, train.Settings{
		Steps: l.steps(3000, 1000), LearningRate: 1e-3, Average: -1, EarlyStop: true, ValidateEvery: l.steps(50, 50),
	}}
}

// NBGAugmented is RealNVP on data that are turned, reflected and relabelled at random.
func (l *Lab) NBGAugmented() Recipe {
	return Recipe{"nBG-augmented", flow.Coupling{}, train.Settings{Steps: l.steps(20000, 3000), LearningRate: 2e-3, Augment: true}}
}

// Unseen is the data of the unseen-trajectory protocol.
type Unseen struct {
	TrainA, ValA, TestA, Ref particle.Batch
}

// StartA and StartB are the protocol's first configurations [n·d].
var (
	StartA = []float64{0, 5.4, -2.65, 0.5, 2.65, 0.5, 0, 0}
	StartB = []float64{-1.24, 2.35, 1.24, 2.35, 0, -2.85, 0, 0}
)

// Unseen returns the protocol's four sets: a short trajectory to train on, a long one of the same state, a long one of
// that state relabelled and turned, none of which the training data can show, and equilibrium data of all states.
func (l *Lab) Unseen() Unseen {
	moved := particle.Relabel(StartA, l.System.D, []int{2, 0, 3, 1})
	particle.Rotate(moved, particle.Rotation2(math.Pi/2), l.System.D)
	return Unseen{
		TrainA: l.trajectory("trainA", StartA, 100_000, 11),
		ValA:   l.trajectory("valA", StartA, 1_000_000, 12),
		TestA:  l.trajectory("testA", moved, 1_000_000, 13),
		Ref:    l.Equilibrium("ref", 24_000, 14),
	}
}

// trajectory is a Metropolis chain that stays in the metastable state of its start, every hundredth step kept.
func (l *Lab) trajectory(name string, start []float64, steps int, seed uint64) particle.Batch {
	return l.cached(name, seed, func(progress func(done, total int)) (particle.Batch, error) {
		b, _, err := mcmc.Trajectory(context.Background(), l.System, mcmc.Chain{
			Start: start, Sigma: 0.1, Steps: steps, Thin: 100, Seed: seed,
			Allowed: mcmc.StayInState(l.System, start), Progress: progress,
		})
		return b, err
	})
}

// UnseenJobs are the three kinds of generators on trainA, for every seed.
func (l *Lab) UnseenJobs(sets Unseen) []Job {
	data := train.Data{Train: sets.TrainA, Validation: sets.ValA.Slice(0, 2048)}
	var jobs []Job
	for _, recipe := range []Recipe{l.NBGAugmented(), l.EqBG(), l.NBG()} {
		jobs = append(jobs, l.Jobs(recipe, data)...)
	}
	return jobs
}

// AllStates are the training and test data for generators of all of DW4, of independent chains each.
func (l *Lab) AllStates() (train, test particle.Batch) {
	return l.Equilibrium("all-train", 10_000, 21), l.Equilibrium("all-test", 10_000, 22)
}

// Generator returns a generator of all of DW4 to look at, and says what it is: the one that a notebook has trained for 04 and
// 05, at full length if there is, or else a small one, which is trained here in about a minute. Its data are fair
// configurations.
func (l *Lab) Generator() (m *eqflow.Model, data particle.Batch, from string) {
	for _, mode := range []string{"full", "quick"} {
		folder := l.modePath(mode, "models", l.EqBGAll().Name+"-1")
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
	card, err := eqflow.Describe(l.path("models", small.Name+"-1"))
	known := err == nil && card.Finished
	bar := figure.NewProgress("training", 0)
	trained := must(l.train(Job{Recipe: small, Seed: 1, Data: train.Data{Train: data}}, bar))
	if !known {
		bar.Done("")
	}
	return trained.Model, data, fmt.Sprintf("eqBG trained here, %d steps", trained.Trained())
}
