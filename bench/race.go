package bench

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Race measures the time from data to a good generator of DW4. Contenders train by the same recipe,
// from the same parameters, on the same data. One referee judges them off the clock.
type Race struct {
	Flow  string
	Seeds int
	Recipe
	// Usual is a common recipe by which peers train in addition, if it is not nil.
	Usual *Recipe
}

// Recipe is how a contender trains. Batches, learning rate and the rest are eqflow's defaults for
// the flow.
type Recipe struct {
	Optimizer train.Optimizer
	Steps     int // of training, over which the learning rate decays
	Every     int // steps between looks
}

// Races has the race of each flow: the kernel field by likelihood to an NLL, the EGNN by flow
// matching to an ESS.
var Races = map[string]Race{
	"kernel": {Flow: "kernel", Seeds: 3, Recipe: Recipe{train.Adam, 4500, 150}},
	"egnn": {
		Flow: "egnn", Seeds: 3, Recipe: Recipe{train.Muon, 2000, 250}, Usual: &Recipe{train.Adam, 8000, 500},
	},
}

// A generator is good at an NLL of test data, in nats and with four times the solver's steps, or at
// an ESS.
const (
	goalNLL = 8.10
	goalESS = 0.90
)

// The sizes of the training data of each flow, of the test data, and of the samples for an ESS.
const (
	kernelData   = 10_000
	egnnData     = 100_000
	refereeSize  = 4000
	refereeDraws = 2000
)

// Look is the quality of a training run after some steps.
type Look struct {
	Step    int     `json:"step"`
	Seconds float64 `json:"seconds"`       // since the process began, without the looks
	CPU     float64 `json:"cpu_s"`         // processor time of the process until then, over all cores
	NLL     float64 `json:"nll,omitempty"` // of test data, with four times the solver's steps
	ESS     float64 `json:"ess,omitempty"`
}

// TrainingRun is a contender's training from one seed.
type TrainingRun struct {
	Flow      string  `json:"flow"`
	Contender string  `json:"contender"`
	Seed      int     `json:"seed"`
	Goal      float64 `json:"goal_s"`     // seconds until the goal was reached; 0 if it was not
	GoalCPU   float64 `json:"goal_cpu_s"` // processor time until then
	At        int     `json:"at_step"`
	Total     float64 `json:"total_s"`
	Looks     []Look  `json:"looks"`
}

// trainingRequest tells a contender about a training run.
type trainingRequest struct {
	Steps   int     `json:"steps"`
	Every   int     `json:"every"`
	Seed    int     `json:"seed"`
	Folder  string  `json:"folder"` // for the parameters at each look
	Begun   float64 `json:"begun"`  // seconds since 1970
	Rate    float64 `json:"rate"`
	WarmUp  int     `json:"warm_up"`
	Clip    float64 `json:"clip"`
	Average float64 `json:"average"`

	Optimizer train.Optimizer `json:"optimizer"`
}

// snapshot has the file of a contender's parameters after some steps.
type snapshot struct {
	Look
	Path string `json:"path"`
}

func (r Race) settings() train.Settings {
	s := train.Settings{Optimizer: r.Optimizer, Steps: r.Steps, Batch: 256}
	if r.Flow == "egnn" {
		s = s.SuitFlow(config(r.Flow, usualSteps))
	}
	return s.WithDefaults()
}

// Race measures all contenders of a flow, seed by seed. On an error the result has the runs that
// ended before it.
func (p Plan) Race(ctx context.Context, r Race) (Result, error) {
	runs, err := p.race(ctx, r)
	return Result{Machine: thisMachine(), Runs: runs}, err
}

func (p Plan) race(ctx context.Context, r Race) ([]TrainingRun, error) {
	folder, err := os.MkdirTemp("", "eqflow-race-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	all, err := p.contenders(ctx, folder)
	if err != nil {
		return nil, err
	}
	judge, err := newReferee(ctx, p.Backend, r)
	if err != nil {
		return nil, err
	}
	defer judge.backend.Close()
	var out []TrainingRun
	for seed := 1; seed <= r.Seeds; seed++ {
		file, err := judge.problem(folder, r, uint64(seed))
		if err != nil {
			return out, err
		}
		for _, one := range all {
			if !one.races(r.Flow) {
				continue
			}
			runs, err := p.raceRecipes(ctx, one, r, seed, folder, file, judge)
			out = append(out, runs...)
			if err != nil {
				return out, fmt.Errorf("bench: %s: %w", one.name, err)
			}
		}
	}
	return out, nil
}

// raceRecipes has a contender train by the race's recipe, and a peer by the usual recipe too.
func (p Plan) raceRecipes(
	ctx context.Context, one contender, r Race, seed int, folder, file string, judge *referee,
) (out []TrainingRun, err error) {
	recipes := []Recipe{r.Recipe}
	if r.Usual != nil && one.name != ownName {
		recipes = append(recipes, *r.Usual)
	}
	name := one.name
	for k, recipe := range recipes {
		if r.Recipe = recipe; k > 0 {
			one.name = fmt.Sprintf("%s, %s", name, recipe.Optimizer)
		}
		p.report(fmt.Sprintf("seed %d of %d, %s trains for %d steps", seed, r.Seeds, one.name, r.Steps))
		run, err := p.raceOne(ctx, one, r, seed, folder, file, judge)
		if err != nil {
			return out, err
		}
		out = append(out, run)
	}
	return out, nil
}

// races reports whether a contender has a program for whole training runs.
func (c contender) races(flow string) bool {
	return c.name == ownName || c.name == "JAX, tuned" || c.name == "PyTorch, tuned" && flow == "kernel"
}

// raceOne has a contender train from one seed, and judges the snapshots.
func (p Plan) raceOne(
	ctx context.Context, one contender, r Race, seed int, folder, file string, judge *referee,
) (TrainingRun, error) {
	run := TrainingRun{Flow: r.Flow, Contender: one.name, Seed: seed}
	snapshots, err := os.MkdirTemp(folder, "run-")
	if err != nil {
		return run, err
	}
	defer os.RemoveAll(snapshots)
	s := r.settings()
	training := trainingRequest{
		Steps: s.Steps, Every: r.Every, Seed: seed, Folder: snapshots, Optimizer: s.Optimizer,
		Rate: s.LearningRate, WarmUp: s.WarmUp, Clip: s.Clip, Average: *s.Average,
		Begun: float64(time.Now().UnixNano()) / 1e9,
	}
	c := Case{Train, r.Flow, "dw4", s.Batch, usualSteps}
	process, err := one.start(ctx, request{Case: c, Problem: file, Training: &training}, problem{})
	if err != nil {
		return run, err
	}
	defer process.close()
	for _, snapshot := range process.answer.Snapshots {
		look := snapshot.Look
		p.report(fmt.Sprintf("seed %d of %d, judging %s at step %d", seed, r.Seeds, one.name, look.Step))
		if err := judge.look(snapshot.Path, r.Flow, &look); err != nil {
			return run, err
		}
		run.Looks, run.Total = append(run.Looks, look), look.Seconds
		if run.Goal == 0 && good(r.Flow, look) {
			run.Goal, run.GoalCPU, run.At = look.Seconds, look.CPU, look.Step
		}
	}
	return run, nil
}

// good reports whether a generator has reached the goal.
func good(flow string, l Look) bool {
	if flow == "egnn" {
		return l.ESS >= goalESS
	}
	return l.NLL <= goalNLL
}

// quality returns the number by which a flow is judged.
func (l Look) quality(flow string) float64 {
	if flow == "egnn" {
		return l.ESS
	}
	return l.NLL
}
