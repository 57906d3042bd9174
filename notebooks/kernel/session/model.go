package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

func (s *Session) modelFolder(name string) string {
	return filepath.Join(s.folder, modelsPart, part(name))
}

// Train trains a generator, showing its learning curve as it grows, and keeps the model under a name. What has been trained
// so already is taken up as it is, an interrupted training goes on where it stopped, and one whose system, flow, settings
// or data have changed begins anew.
func (s *Session) Train(name string, g eqflow.Generator, data eqflow.Data, settings eqflow.Settings) *eqflow.Model {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	folder := s.modelFolder(name)
	for {
		m := must(eqflow.New(s.Backend(), g))
		live := figure.NewLive("Training of " + name)
		steps := 0
		history, err := m.Train(ctx, data, eqflow.Run{Settings: settings, Folder: folder, Report: func(p eqflow.Progress) {
			live.Point(p.Step, p.Steps, p.StepLoss, p.Validation, p.Left)
			steps++
		}})
		if errors.Is(err, eqflow.ErrOtherModel) {
			if err := os.RemoveAll(folder); err != nil {
				panic(err)
			}
			continue
		}
		must(history, err)
		if steps > 0 {
			if err := live.Done(); err != nil {
				panic(err)
			}
		}
		return m
	}
}

// Model returns what Train has kept under a name. A model of a system of one's own needs target.FromGraph first.
func (s *Session) Model(name string) *eqflow.Model {
	folder := s.modelFolder(name)
	if !eqflow.IsModel(folder) {
		panic(fmt.Errorf("session: no model %q; there are %s", name, s.listed(modelsPart)))
	}
	m, _, err := eqflow.Load(s.Backend(), folder)
	return must(m, err)
}

// Card is what is known of a model without computing.
func (s *Session) Card(name string) eqflow.Card { return must(eqflow.Describe(s.modelFolder(name))) }

// Evaluate judges a model and keeps the report on its card.
func (s *Session) Evaluate(name string, data particle.Batch, e eqflow.Evaluation) eqflow.Report {
	r := must(s.Model(name).Evaluate(data, e))
	if err := eqflow.KeepReport(s.modelFolder(name), r); err != nil {
		panic(err)
	}
	return r
}

// Sample draws n configurations from a model.
func (s *Session) Sample(name string, n int, seed uint64) eqflow.Samples {
	return must(s.Model(name).Sample(n, seed))
}

// Export draws n configurations from a model and writes them to files, by their extensions: .npz with log q, energies and
// log-weights for NumPy, .xyz with the same for OVITO, VMD and ASE, .npy with the configurations alone. Files that are there
// are replaced.
func (s *Session) Export(name string, n int, seed uint64, paths ...string) eqflow.Samples {
	m := s.Model(name)
	samples := must(m.Sample(n, seed))
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
