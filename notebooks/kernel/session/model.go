package session

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

func (s *Session) modelFolder(name string) string {
	return filepath.Join(s.folder, modelsPart, checked(name))
}

// Train trains a generator, shows its learning curve as it grows, and keeps the model under a name.
// A finished training is not repeated, and an interrupted training continues where it stopped. A
// training whose system, flow, settings or data have changed starts anew.
func (s *Session) Train(
	name string, g eqflow.Generator, data train.Data, settings train.Settings,
) *eqflow.Model {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	live := figure.NewLiveCurve("Training of " + name)
	steps := 0
	m, _, err := s.Fit(ctx, name, Training{
		Backend: s.Backend(), Generator: g, Data: data, Settings: settings,
		Report: func(p train.Progress) {
			live.Point(p.Step, p.Steps, p.StepLoss, p.Validation, p.Left)
			steps++
		},
	})
	must(m, err)
	if steps > 0 {
		if err := live.Done(); err != nil {
			panic(err)
		}
	}
	return m
}

// Training is everything that a training depends on.
type Training struct {
	Backend   compute.Backend
	Generator eqflow.Generator
	Data      train.Data
	Settings  train.Settings
	From      string               // the model of this session whose parameters it starts from; "" for new parameters
	Report    func(train.Progress) // called after every step
}

// Fit trains a generator as Train does, without a learning curve and on a backend of its own.
// Several trainings may run at once, under different names. A second training under one name, in
// this process or another, is refused with an error that matches train.ErrLocked.
func (s *Session) Fit(ctx context.Context, name string, t Training) (*eqflow.Model, train.History, error) {
	m, err := eqflow.New(t.Backend, t.Generator)
	if err != nil {
		return nil, train.History{}, err
	}
	if t.From != "" {
		if err := m.StartFrom(s.modelFolder(t.From)); err != nil {
			return nil, train.History{}, err
		}
	}
	history, err := m.Train(ctx, t.Data, train.Run{
		Settings: t.Settings, Folder: s.modelFolder(name), Replace: true, Report: t.Report, Warn: warn,
	})
	return m, history, err
}

// Model returns the model that Train has kept under a name. For a system made by target.FromGraph,
// call that first.
func (s *Session) Model(name string) *eqflow.Model {
	folder := s.modelFolder(name)
	if !train.IsModel(folder) {
		panic(fmt.Errorf("session: no model %q; there are %s", name, s.listed(modelsPart)))
	}
	m, _, err := eqflow.Load(s.Backend(), folder)
	return must(m, err)
}

// Card returns the description of a model, which needs no computation.
func (s *Session) Card(name string) eqflow.Card { return must(eqflow.Describe(s.modelFolder(name))) }

// Export draws n configurations from a model and writes them to files, in the format of each file's
// extension: .npz with log q, energies and log-weights for NumPy, .xyz with the same for OVITO, VMD
// and ASE, .npy with only the configurations. It replaces existing files.
func (s *Session) Export(name string, n int, seed uint64, paths ...string) density.Samples {
	m := s.Model(name)
	samples := s.Sample(name, n, seed)
	for _, path := range paths {
		set := must(m.Set(samples, seed))
		if filepath.Ext(path) == ".npy" {
			set.Arrays = nil
		}
		if err := dataset.Write(path, set, true); err != nil {
			panic(err)
		}
		fmt.Printf("%d configurations of %s in %s\n", n, m.Target.Name(), path)
	}
	return samples
}
