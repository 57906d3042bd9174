package mcmc

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Sampler names a move.
type Sampler string

// The samplers that Equilibrium knows.
const (
	// Auto is Metropolis for smooth energies, MALA for steep ones, and tempering for high barriers.
	Auto              Sampler = "auto"
	SamplerMetropolis Sampler = "metropolis"
	SamplerMALA       Sampler = "mala"
	SamplerTempering  Sampler = "tempering"
)

// Samplers lists the names, for help texts.
func Samplers() []Sampler {
	return []Sampler{Auto, SamplerMetropolis, SamplerMALA, SamplerTempering}
}

// Plan is a complete recipe for equilibrium samples of one target. Defaults makes one; change any
// field of it before Run.
type Plan struct {
	Move     Move
	Start    Start
	Settings Settings
}

// Defaults returns a good recipe for n configurations of t.
//
// The chains are many and start far apart; they find their step lengths during the burn-in.
// Chains·Keep can exceed n: Equilibrium returns the first n configurations.
func Defaults(t target.Target, n int, sampler Sampler, seed uint64) (Plan, error) {
	if n < 1 {
		return Plan{}, fmt.Errorf("mcmc: %d configurations are none; ask for at least 1", n)
	}
	r := recipeOf(t)
	if sampler == Auto || sampler == "" {
		sampler = r.auto
		if r.Tempered {
			sampler = SamplerTempering
		}
	}
	if sampler == SamplerTempering {
		// A step costs as many single chains as there are replicas, and replicas mix faster.
		r.Chains, r.Burn = (r.Chains+7)/8, r.Burn/2
	}
	move, err := r.move(sampler)
	if err != nil {
		return Plan{}, err
	}
	keep := (n + r.Chains - 1) / r.Chains
	return Plan{
		Move:  move,
		Start: r.start,
		Settings: Settings{
			Chains: (n + keep - 1) / keep, Keep: keep, Burn: r.Burn, Thin: r.Thin, Adapt: true, Seed: seed,
		},
	}, nil
}

// Equilibrium draws n configurations of t with its default recipe. progress may be nil.
//
// When ctx ends, it returns the configurations kept so far together with ctx's error.
func Equilibrium(
	ctx context.Context, t target.Target, n int, sampler Sampler, seed uint64, progress func(done, total int),
) (particle.Batch, Info, error) {
	plan, err := Defaults(t, n, sampler, seed)
	if err != nil {
		return particle.Batch{}, Info{}, err
	}
	plan.Settings.Progress = progress
	batch, info, err := Run(ctx, t, plan.Move, plan.Start, plan.Settings)
	if batch.Len() > n {
		batch = batch.Slice(0, n)
	}
	return batch, info, err
}

// recipe is a target's Sampling, with step lengths for its number of coordinates.
type recipe struct {
	target.Sampling
	auto  Sampler // of single chains
	start Start
}

func recipeOf(t target.Target) recipe {
	r := recipe{Sampling: target.SamplingOf(t), auto: SamplerMetropolis}
	// Metropolis displaces all n·d coordinates at once, so its step shrinks with the root of their
	// number.
	r.Sigma *= math.Sqrt(8 / float64(t.Particles()*t.Dim()))
	r.start = NormalStart(r.Start)
	if r.Relaxed {
		r.start = RelaxedStart(t, r.Start)
	}
	if r.Forces {
		r.auto = SamplerMALA
	}
	return r
}

func (r recipe) move(sampler Sampler) (Move, error) {
	switch sampler {
	case SamplerMetropolis:
		return Metropolis{Sigma: r.Sigma}, nil
	case SamplerMALA:
		return MALA{H: r.H}, nil
	case SamplerTempering:
		single, err := r.move(r.auto)
		count := 1 + int(math.Ceil(math.Log(r.LowestBeta)/math.Log(r.BetaRatio)))
		return Tempering{Move: single, Betas: Ladder(r.LowestBeta, count)}, err
	}
	return nil, fmt.Errorf("mcmc: unknown sampler %q; give one of %v", sampler, Samplers())
}
