// Package protocol is what the notebooks have in common: the data sets, recipes and claims of the experiments, kept in one
// folder so that a notebook goes on where another stopped. It is the notebooks' edge: what fails panics, and the cell is red.
package protocol

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The environment that `eqflow reproduce` sets and a person may.
const (
	EnvOut   = "EQFLOW_OUT"   // folder of data, models and claims; default "work" beside the notebook
	EnvQuick = "EQFLOW_QUICK" // "1": one seed and short training
)

// Lab is a notebook's workplace.
type Lab struct {
	Notebook string // "03"
	Quick    bool
	Seeds    []uint64
	System   target.DoubleWell
	folder   string
	backend  *xla.Opened
}

// Open returns the workplace of the notebook with the given number and says which backend computes.
func Open(notebook string) *Lab {
	l := &Lab{Notebook: notebook, Quick: os.Getenv(EnvQuick) == "1", Seeds: []uint64{1, 2, 3}, System: target.DW4()}
	l.folder = cmp.Or(os.Getenv(EnvOut), "work")
	if l.Quick {
		l.Seeds = l.Seeds[:1]
	}
	l.backend = must(xla.Open(xla.Auto))
	return l
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Backend tells what computes, and why, without the paths of this machine.
func (l *Lab) Backend() string {
	return strings.ReplaceAll(l.backend.String(), l.backend.Plugin, filepath.Base(l.backend.Plugin))
}

func (l *Lab) path(parts ...string) string {
	mode := "full"
	if l.Quick {
		mode = "quick"
	}
	return l.modePath(mode, parts...)
}

func (l *Lab) modePath(mode string, parts ...string) string {
	return filepath.Join(append([]string{l.folder, mode + "-" + l.backend.Kind}, parts...)...)
}

// cached reads a data set that an earlier cell made, or makes and keeps it.
func (l *Lab) cached(name string, seed uint64, draw func(progress func(done, total int)) (particle.Batch, error)) particle.Batch {
	return l.cachedOf(l.System, name, seed, draw)
}

func (l *Lab) cachedOf(t target.Target, name string, seed uint64, draw func(progress func(done, total int)) (particle.Batch, error)) particle.Batch {
	path := l.path("data", name+".npz")
	if set, err := dataset.Read(path, t.Particles(), t.Dim()); err == nil {
		return set.Batch
	}
	bar := figure.NewProgress("sampling "+name, 0)
	batch := must(draw(func(done, total int) { bar.Update(done, "of %d", total) }))
	bar.Done("sampled %s: %d configurations", name, batch.Len())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		panic(err)
	}
	manifest := dataset.Manifest{System: t.Name(), Seed: seed, CreatedBy: "eqflow notebooks/protocol"}
	if err := dataset.Write(path, dataset.Set{Batch: batch, Manifest: manifest}, true); err != nil {
		panic(err)
	}
	return batch
}

// Equilibrium returns n configurations of independent chains.
func (l *Lab) Equilibrium(name string, n int, seed uint64) particle.Batch {
	return l.EquilibriumOf(l.System, name, n, seed)
}

// EquilibriumOf returns n configurations of independent chains of another system.
func (l *Lab) EquilibriumOf(t target.Target, name string, n int, seed uint64) particle.Batch {
	return l.cachedOf(t, name, seed, func(progress func(done, total int)) (particle.Batch, error) {
		b, _, err := mcmc.Equilibrium(context.Background(), t, n, mcmc.Auto, seed, progress)
		return b, err
	})
}

// Job is one training: a recipe with its seed and data.
type Job struct {
	Recipe
	Seed   uint64
	Data   train.Data
	System target.Target // nil: the lab's
	From   *Trained      // whose parameters it begins with; nil: the seed draws them
}

// Trained is what a Job became.
type Trained struct {
	Job
	*eqflow.Model
	History train.History
}

// Train does the jobs, two at a time on backends of their own, or takes up what an earlier cell has trained.
func (l *Lab) Train(jobs ...Job) []Trained {
	out := make([]Trained, len(jobs))
	failures := make([]error, len(jobs))
	lanes := make(chan struct{}, 2)
	bar := figure.NewProgress("training", 0)
	var wait sync.WaitGroup
	for i, job := range jobs {
		wait.Go(func() {
			lanes <- struct{}{}
			defer func() { <-lanes }()
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

// folderOf is where a job's model is kept.
func (l *Lab) folderOf(job Job) string {
	return l.path("models", fmt.Sprintf("%s-%d", job.Name, job.Seed))
}

func (l *Lab) train(job Job, bar *figure.Progress) (Trained, error) {
	name := fmt.Sprintf("%s-%d", job.Name, job.Seed)
	backend, err := xla.Open(xla.Auto)
	if err != nil {
		return Trained{}, err
	}
	settings := job.Settings
	settings.Seed = job.Seed
	run := train.Run{Settings: settings, Folder: l.folderOf(job), Report: func(p train.Progress) {
		bar.Update(p.Step, "%s: step %d of %d, loss %.3f, %.0f steps/s, %s left", name, p.Step, p.Steps, p.Loss, p.Rate, p.Left.Round(1e9))
	}}
	system := job.System
	if system == nil {
		system = l.System
	}
	for {
		model, err := eqflow.New(backend.Backend, eqflow.Generator{Target: system, Flow: job.Flow, Seed: job.Seed})
		if err != nil {
			return Trained{}, err
		}
		if job.From != nil {
			if err := model.StartFrom(l.folderOf(job.From.Job)); err != nil {
				return Trained{}, err
			}
		}
		history, err := model.Train(context.Background(), job.Data, run)
		if !errors.Is(err, train.ErrOtherModel) {
			return Trained{job, model, history}, err
		}
		// The recipe has changed since this folder was written.
		if err := os.RemoveAll(run.Folder); err != nil {
			return Trained{}, err
		}
	}
}

// Seeds makes a recipe's jobs, one for each of the lab's seeds.
func (l *Lab) Jobs(r Recipe, data train.Data) []Job {
	var jobs []Job
	for _, seed := range l.Seeds {
		jobs = append(jobs, Job{Recipe: r, Seed: seed, Data: data})
	}
	return jobs
}

// Shown is the target of what is shown as it comes, without being claimed.
const Shown = "shown as it comes"

// Claim is a statement of the paper or of the project, with the number that was measured for it.
type Claim struct {
	Notebook string `json:"notebook"`
	Claim    string `json:"claim"`
	Target   string `json:"target"`
	Measured string `json:"measured"`
	Held     bool   `json:"held"`
}

// Claim keeps a claim for the summary, and shows it.
func (l *Lab) Claim(claim, target string, held bool, format string, args ...any) {
	c := Claim{l.Notebook, claim, target, fmt.Sprintf(format, args...), held}
	path := filepath.Join(l.folder, "claims", l.Notebook+".json")
	var claims []Claim
	if text, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(text, &claims) // a damaged file is written anew
	}
	claims = append(without(claims, claim), c)
	text := must(json.MarshalIndent(claims, "", " "))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, append(text, '\n'), 0o644)); err != nil {
		panic(err)
	}
	figure.MustShow(figure.NewTable([]string{"claim", "target", "measured", ""}, []any{claim, target, c.Measured, c.Verdict()}))
}

// Verdict is "held", "not held", or "shown" for what is not claimed.
func (c Claim) Verdict() string {
	switch {
	case c.Target == Shown:
		return "shown"
	case c.Held:
		return "held"
	}
	return "not held"
}

func without(claims []Claim, claim string) []Claim {
	var kept []Claim
	for _, c := range claims {
		if c.Claim != claim {
			kept = append(kept, c)
		}
	}
	return kept
}
