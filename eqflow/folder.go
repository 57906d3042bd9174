package eqflow

import (
	"crypto/sha256"
	"fmt"
	"os"

	"github.com/gomlx/compute"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Save writes the model as it is into a folder.
func (m *Model) Save(folder string) error { return m.subject().Save(folder) }

// Load reads a trained model from its folder. From the folder of an unfinished training it reads
// the last checkpoint. engine.Default chooses the engine.
func Load(backend compute.Backend, folder string) (*Model, train.History, error) {
	return LoadWith(backend, folder, engine.Default())
}

// LoadWith is Load with a choice of engine.
func LoadWith(backend compute.Backend, folder string, kind engine.Kind) (*Model, train.History, error) {
	file, err := train.ReadFolder(folder)
	if err != nil {
		return nil, train.History{}, err
	}
	g, err := generatorOf(file)
	if err != nil {
		return nil, train.History{}, err
	}
	g.Engine = kind
	m, err := New(backend, g)
	if err != nil {
		return nil, train.History{}, err
	}
	return m, file.History, file.Restore(m.subject())
}

// GeneratorOf returns the generator of a folder's model, without its parameters.
func GeneratorOf(folder string) (Generator, error) {
	file, err := train.ReadFolder(folder)
	if err != nil {
		return Generator{}, err
	}
	return generatorOf(file)
}

func generatorOf(file train.File) (Generator, error) {
	t, err := target.FromSpec(file.Target)
	if err != nil {
		return Generator{}, err
	}
	f, err := file.Flow.Config()
	return Generator{Target: t, Flow: f, Seed: file.Seed}, err
}

// StartFrom gives the model the parameters of a folder's model with the same flow, for a training
// that continues from there. Examples are training by likelihood after flow matching, at another
// temperature, or with more particles if no parameter belongs to a particle. The steps of the new
// training count from 0.
func (m *Model) StartFrom(folder string) error {
	file, err := train.ReadFolder(folder)
	if err != nil {
		return err
	}
	other, history, err := LoadWith(m.Backend(), folder, m.Engine)
	if err != nil {
		return err
	}
	arrays, err := other.Export()
	if err != nil {
		return err
	}
	if err := m.Import(arrays); err != nil {
		return fmt.Errorf("eqflow: cannot start from %s: %w", folder, err)
	}
	content, err := os.ReadFile(train.FileOf(folder))
	if err != nil {
		return fmt.Errorf("eqflow: cannot start from %s: %w", folder, err)
	}
	before := history.Before
	if s := file.Settings; s != nil {
		stage := train.Stage{
			Settings:  *s,
			StageCost: train.StageCost{Taken: history.Steps, Seconds: history.Seconds, Energies: history.Energies},
		}
		before = append(before[:len(before):len(before)], stage)
	}
	m.training.Start, m.training.History = fmt.Sprintf("%x", sha256.Sum256(content)), train.History{Before: before}
	return nil
}
