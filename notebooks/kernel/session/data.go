package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

func (s *Session) dataPath(name string) string {
	return filepath.Join(s.folder, dataPart, checked(name)+".npz")
}

// Keep stores a data set under a name, in the place of an earlier data set.
func (s *Session) Keep(name string, set dataset.Set) {
	defer s.holdData(name)()
	s.keep(name, set)
}

func (s *Session) holdData(name string) (release func()) {
	return Hold(filepath.Join(s.folder, dataPart), name)
}

func (s *Session) keep(name string, set dataset.Set) {
	if err := dataset.Write(s.dataPath(name), set, true); err != nil {
		panic(unwritable(err))
	}
}

// Set returns the data set that Keep has stored under a name.
func (s *Session) Set(name string) dataset.Set {
	set, err := dataset.Read(s.dataPath(name), 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("session: no data %q; there are %s", name, s.listed(dataPart))
	}
	return must(set, err)
}

// Data returns the configurations of a data set.
func (s *Session) Data(name string) particle.Batch { return s.Set(name).Batch }

// Import reads n particles in d dimensions from the user's own .npy, .npz or .xyz file, removes the
// means, and keeps the configurations under a name. An n or d of 0 is read from the file.
func (s *Session) Import(name, path string, n, d int) particle.Batch {
	set := must(dataset.Read(path, n, d))
	set.Batch.RemoveMean()
	set.Manifest.CreatedBy = "imported from " + filepath.Base(path)
	s.Keep(name, set)
	return set.Batch
}

// Recipe identifies how configurations are drawn. Another recipe, system or seed draws them anew.
type Recipe struct {
	N       int    `json:"n"`
	Sampler string `json:"sampler"`
}

// Equilibrium returns n configurations of independent chains of t, drawn with mcmc's default
// sampler. They are drawn at the first call, and again after a change of n, seed or the system.
func (s *Session) Equilibrium(name string, t target.Target, n int, seed uint64) particle.Batch {
	return s.EquilibriumBy(mcmc.Auto, name, t, n, seed)
}

// EquilibriumBy is Equilibrium with a given sampler. mcmc.SamplerTempering is replica exchange on a
// ladder of temperatures.
func (s *Session) EquilibriumBy(
	sampler mcmc.Sampler, name string, t target.Target, n int, seed uint64,
) particle.Batch {
	recipe := Recipe{n, string(sampler)}
	return s.Drawn(name, t, seed, recipe, func(report func(done, total int)) (particle.Batch, mcmc.Info, error) {
		return mcmc.Equilibrium(context.Background(), t, n, sampler, seed, report)
	})
}

// Trajectory returns a free Metropolis chain of t in order of time. It is drawn at the first call,
// and again after a change of the chain or the system. A chain with a constraint is refused, since
// a function cannot be compared; TrajectoryInState has one.
func (s *Session) Trajectory(name string, t target.Target, chain mcmc.Chain) particle.Batch {
	if chain.Allowed != nil {
		panic(fmt.Errorf("session: the chain of %q has a constraint, which the session cannot compare with "+
			"that of a kept chain; call TrajectoryInState, or mcmc.Trajectory", name))
	}
	recipe := chainRecipe(chain)
	recipe["free"] = true
	return s.trajectory(name, t, chain, recipe)
}

// TrajectoryInState is Trajectory for a chain that stays in the metastable state of its start: it
// refuses moves that take a pair over t's cutoff.
func (s *Session) TrajectoryInState(name string, t target.PairWells, chain mcmc.Chain) particle.Batch {
	recipe := chainRecipe(chain)
	chain.Allowed = mcmc.StayInState(t, chain.Start)
	return s.trajectory(name, t, chain, recipe)
}

// chainRecipe is everything that a chain depends on, besides the system, the seed and a constraint.
func chainRecipe(c mcmc.Chain) map[string]any {
	return map[string]any{"start": c.Start, "sigma": c.Sigma, "steps": c.Steps, "thin": c.Thin}
}

func (s *Session) trajectory(
	name string, t target.Target, chain mcmc.Chain, recipe map[string]any,
) particle.Batch {
	return s.Drawn(name, t, chain.Seed, recipe,
		func(report func(done, total int)) (particle.Batch, mcmc.Info, error) {
			chain.Progress = report
			return mcmc.Trajectory(context.Background(), t, chain)
		})
}

// Drawn returns configurations of t that draw makes. They are drawn at the first call, and again
// after a change of seed, the system or recipe, which must hold everything else that draw depends
// on.
func (s *Session) Drawn(
	name string, t target.Target, seed uint64, recipe any,
	draw func(report func(done, total int)) (particle.Batch, mcmc.Info, error),
) particle.Batch {
	spec := must(json.Marshal(must(target.SpecOf(t))))
	settings := must(json.Marshal(recipe))
	drawn := func() (particle.Batch, bool) {
		set, err := dataset.Read(s.dataPath(name), t.Particles(), t.Dim())
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			warn(fmt.Sprintf("%v; it is drawn anew", err))
		}
		return set.Batch, err == nil && sameJSON(set.Manifest.Spec, spec) &&
			sameJSON(set.Manifest.Settings, settings) && set.Manifest.Seed == seed
	}
	if b, ok := drawn(); ok {
		return b
	}
	defer s.holdData(name)()
	if b, ok := drawn(); ok { // by another process, meanwhile
		return b
	}
	bar := figure.NewProgress("sampling "+name, 0)
	b, info, err := draw(func(done, total int) { bar.Of(done, total, "") })
	must(b, err)
	bar.Done("%d configurations, acceptance %.0f %%", b.Len(), 100*info.Acceptance())
	s.keep(name, dataset.Set{Batch: b, Manifest: dataset.Manifest{
		System: t.Name(), Spec: spec, Seed: seed, Settings: settings, CreatedBy: "mcmc.Equilibrium",
	}})
	return b
}

// sameJSON reports whether two JSON texts are equal, apart from white space and the order of keys.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return slices.Equal(must(json.Marshal(x)), must(json.Marshal(y)))
}
