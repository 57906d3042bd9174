package bench

import (
	"context"
	"strings"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla"
)

// referee judges the parameters of all contenders.
type referee struct {
	backend *xla.Opened
	model   *eqflow.Model
	train   particle.Batch
	test    particle.Batch
}

func newReferee(ctx context.Context, backend string, r Race) (*referee, error) {
	size := kernelData
	if r.Flow == "egnn" {
		size = egnnData
	}
	j := &referee{}
	var err error
	if j.train, _, err = mcmc.Equilibrium(ctx, target.DW4(), size, mcmc.Auto, 1, nil); err != nil {
		return nil, err
	}
	if j.test, _, err = mcmc.Equilibrium(ctx, target.DW4(), refereeSize, mcmc.Auto, 2, nil); err != nil {
		return nil, err
	}
	if j.backend, err = xla.Open(backend); err != nil {
		return nil, err
	}
	j.model, err = newModel(j.backend, r.Flow, 0, engine.Auto)
	return j, err
}

func newModel(backend *xla.Opened, flow string, seed uint64, kind engine.Kind) (*eqflow.Model, error) {
	generator := eqflow.Generator{Target: target.DW4(), Flow: config(flow, usualSteps), Seed: seed, Engine: kind}
	return eqflow.New(backend.Backend, generator)
}

// problem writes the data and the parameters from which all contenders start.
func (j *referee) problem(folder string, r Race, seed uint64) (string, error) {
	start, err := newModel(j.backend, r.Flow, seed, engine.Auto)
	if err != nil {
		return "", err
	}
	parameters, err := start.Export()
	if err != nil {
		return "", err
	}
	arrays := append(parameters, dataset.Int64("shape", []int64{int64(j.train.N), int64(j.train.D)}),
		dataset.Float32("data", narrow(j.train.X), j.train.Len(), j.train.N, j.train.D))
	return newProblem(arrays).write(folder, "problem.npz")
}

// look judges the parameters in a file and fills in their NLL or ESS.
func (j *referee) look(path, flow string, l *Look) error {
	arrays, err := dataset.ReadArrays(path)
	if err != nil {
		return err
	}
	if err := j.model.Import(averaged(arrays)); err != nil {
		return err
	}
	if flow == "egnn" {
		samples, err := j.model.Sample(refereeDraws, 7)
		if err == nil {
			l.ESS = stats.KishESS(samples.LogWeight) / refereeDraws
		}
		return err
	}
	l.NLL, err = j.model.NLL(j.test, 4*usualSteps)
	return err
}

// averaged returns the moving averages of the parameters: a part of eqflow's checkpoints, and all
// of the peers' files.
func averaged(arrays dataset.Arrays) dataset.Arrays {
	var out dataset.Arrays
	for _, a := range arrays {
		if name, ok := strings.CutPrefix(a.Name, "average/"); ok {
			a.Name = name
			out = append(out, a)
		}
	}
	if out == nil {
		return arrays
	}
	return out
}
