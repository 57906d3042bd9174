package protocol

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla"
)

// Job is one training: a recipe with its seed and data.
type Job struct {
	Recipe
	Seed   uint64
	Data   train.Data
	System target.Target // nil: the lab's
	From   *Trained      // the generator whose parameters the training starts from; nil: new parameters
}

// Key is the name under which the lab's session keeps the job's model: "eqBG-1".
func (j Job) Key() string { return fmt.Sprintf("%s-%d", j.Name, j.Seed) }

// Trained is the result of a Job.
type Trained struct {
	Job
	*eqflow.Model
	History train.History
}

// Jobs returns the trainings of recipes on data, one of each recipe for each of the lab's seeds.
func (l *Lab) Jobs(data train.Data, recipes ...Recipe) []Job {
	var jobs []Job
	for _, r := range recipes {
		for _, seed := range l.Seeds {
			jobs = append(jobs, Job{Recipe: r, Seed: seed, Data: data})
		}
	}
	return jobs
}

// lanes is the number of trainings at a time.
const lanes = 2

// Train does the jobs in their order, two at a time, each on a backend of its own. Trainings of
// earlier cells and notebooks are read, not repeated. Long jobs should come first, so that the two
// end together.
func (l *Lab) Train(jobs ...Job) []Trained {
	out := make([]Trained, len(jobs))
	failures := make([]error, len(jobs))
	free := make(chan struct{}, lanes)
	bar := figure.NewProgress("training", 0)
	var wait sync.WaitGroup
	var worked atomic.Bool
	report := func(job Job, p train.Progress) {
		worked.Store(true)
		bar.Update(p.Step, "%s: step %d of %d, loss %.3f, %.0f steps/s, %s left",
			job.Key(), p.Step, p.Steps, p.Loss, p.Rate, p.Left.Round(1e9))
	}
	for i, job := range jobs {
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			out[i], failures[i] = l.train(job, report)
		})
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		panic(err)
	}
	if worked.Load() {
		if len(jobs) == 1 {
			bar.Done("%s is trained", jobs[0].Key())
		} else {
			bar.Done("%d generators are trained", len(jobs))
		}
	}
	return out
}

func (l *Lab) train(job Job, report func(Job, train.Progress)) (Trained, error) {
	backend, err := xla.Open(xla.Auto)
	if err != nil {
		return Trained{}, err
	}
	training := session.Training{
		Backend: backend.Backend, Data: job.Data, Settings: job.Settings,
		Generator: eqflow.Generator{Target: l.systemOf(job), Flow: job.Flow, Seed: job.Seed},
		Report:    func(p train.Progress) { report(job, p) },
	}
	training.Settings.Seed = job.Seed
	if job.From != nil {
		training.From = job.From.Key()
	}
	model, history, err := l.session.Fit(context.Background(), job.Key(), training)
	return Trained{job, model, history}, err
}

// systemOf returns the job's system.
func (l *Lab) systemOf(job Job) target.Target {
	if job.System == nil {
		return l.System
	}
	return job.System
}

// finishingJob returns a job that trains a generator further.
func (l *Lab) finishingJob(from Trained, name string, s train.Settings) Job {
	return Job{
		Recipe: Recipe{Name: name, Flow: from.Job.Flow, Settings: s.SuitFlow(from.Job.Flow)},
		Seed:   from.Seed, Data: from.Data, System: from.System, From: &from,
	}
}

// LearningCurves draws the training of all generators of one name.
func LearningCurves(name string, all []Trained) figure.Figure {
	var runs []figure.LearningCurve
	for _, t := range all {
		if t.Name == name {
			runs = append(runs, figure.LearningCurveOf(fmt.Sprintf("seed %d", t.Seed), t.History))
		}
	}
	axes := figure.Axes{Title: name + ": learning curves", X: "step", Y: "NLL / nats"}
	if name == "nBG" {
		axes.YRange = [2]float64{0, 16} // the first steps are far above
	}
	return figure.LearningCurves(axes, runs...)
}
