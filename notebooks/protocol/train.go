package protocol

import (
	"context"
	"errors"
	"fmt"
	"sync"

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

// key is the name under which the job's model is kept.
func (j Job) key() string { return fmt.Sprintf("%s-%d", j.Name, j.Seed) }

// Trained is the result of a Job.
type Trained struct {
	Job
	*eqflow.Model
	History train.History
}

// Jobs returns a recipe's jobs, one for each of the lab's seeds.
func (l *Lab) Jobs(r Recipe, data train.Data) []Job {
	var jobs []Job
	for _, seed := range l.Seeds {
		jobs = append(jobs, Job{Recipe: r, Seed: seed, Data: data})
	}
	return jobs
}

// lanes is the number of trainings at a time.
const lanes = 2

// Train does the jobs, two at a time, each on a backend of its own. It does not repeat the
// trainings of earlier cells.
func (l *Lab) Train(jobs ...Job) []Trained {
	out := make([]Trained, len(jobs))
	failures := make([]error, len(jobs))
	free := make(chan struct{}, lanes)
	bar := figure.NewProgress("training", 0)
	var wait sync.WaitGroup
	for i, job := range jobs {
		wait.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			out[i], failures[i] = l.train(job, bar)
		})
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil {
		panic(err)
	}
	bar.Done("%d generators are trained", len(jobs))
	return out
}

func (l *Lab) train(job Job, bar *figure.Progress) (Trained, error) {
	backend, err := xla.Open(xla.Auto)
	if err != nil {
		return Trained{}, err
	}
	training := session.Training{
		Backend: backend.Backend, Data: job.Data, Settings: job.Settings,
		Generator: eqflow.Generator{Target: l.systemOf(job), Flow: job.Flow, Seed: job.Seed},
		Report: func(p train.Progress) {
			bar.Update(p.Step, "%s: step %d of %d, loss %.3f, %.0f steps/s, %s left",
				job.key(), p.Step, p.Steps, p.Loss, p.Rate, p.Left.Round(1e9))
		},
	}
	training.Settings.Seed = job.Seed
	if job.From != nil {
		training.From = job.From.key()
	}
	model, history, err := l.session.Fit(context.Background(), job.key(), training)
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
	for i, shade := range figure.Shades(name, len(runs)) {
		runs[i].Color = shade
	}
	axes := figure.Axes{Title: figure.Words(name) + ": learning curves", X: "step", Y: "NLL / nats"}
	return figure.LearningCurves(axes, runs...)
}
