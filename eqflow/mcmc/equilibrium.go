package mcmc

import (
	"context"
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Sampler names a kernel.
type Sampler string

// The samplers that Equilibrium knows.
const (
	Auto              Sampler = "auto" // Metropolis for smooth energies, MALA for steep ones, tempering for high barriers
	SamplerMetropolis Sampler = "metropolis"
	SamplerMALA       Sampler = "mala"
	SamplerTempering  Sampler = "tempering"
)

// Samplers lists the names, for help texts.
func Samplers() []Sampler {
	return []Sampler{Auto, SamplerMetropolis, SamplerMALA, SamplerTempering}
}

// Plan is a complete recipe for equilibrium samples of one target. Defaults makes one; change what you want.
type Plan struct {
	Kernel   Kernel
	Start    Start
	Settings Settings
}

// Defaults returns a good recipe for n configurations of t.
//
// Chains are many and start far apart; step lengths are found during the burn-in. n ≤ Chains·Keep: Equilibrium
// takes the first n.
func Defaults(t target.Target, n int, sampler Sampler, seed uint64) (Plan, error) {
	if n < 1 {
		return Plan{}, fmt.Errorf("mcmc: %d configurations are none; ask for at least 1", n)
	}
	p := profileOf(t)
	if sampler == Auto || sampler == "" {
		sampler = p.auto
		if p.AlwaysTempers {
			sampler = SamplerTempering
		}
	}
	if sampler == SamplerTempering {
		// Replicas mix faster than a single chain, and each costs as much.
		p.Chains, p.Burn = (p.Chains+7)/8, p.Burn/2
	}
	kernel, err := p.kernel(sampler)
	if err != nil {
		return Plan{}, err
	}
	keep := (n + p.Chains - 1) / p.Chains
	return Plan{
		Kernel: kernel,
		Start:  p.start,
		Settings: Settings{
			Chains: (n + keep - 1) / keep, Keep: keep, Burn: p.Burn, Thin: p.Thin, Adapt: true, Seed: seed,
		},
	}, nil
}

// Equilibrium draws n configurations of t with its default recipe; progress may be nil.
//
// When ctx ends it returns what has been kept so far together with ctx's error.
func Equilibrium(ctx context.Context, t target.Target, n int, sampler Sampler, seed uint64, progress func(done, total int)) (particle.Batch, Info, error) {
	plan, err := Defaults(t, n, sampler, seed)
	if err != nil {
		return particle.Batch{}, Info{}, err
	}
	plan.Settings.Progress = progress
	batch, info, err := Run(ctx, t, plan.Kernel, plan.Start, plan.Settings)
	if batch.Len() > n {
		batch = batch.Slice(0, n)
	}
	return batch, info, err
}

// profile is a recipe for one target.
type profile struct {
	target.Sampling
	auto  Sampler
	start Start
}

func profileOf(t target.Target) profile {
	p := profile{Sampling: target.SamplingOf(t), auto: SamplerMetropolis}
	// A step of one common size moves all n·d coordinates.
	shrink := math.Sqrt(8 / float64(t.Particles()*t.Dim()))
	p.Sigma *= shrink
	p.start = NormalStart(p.Start)
	if p.Relaxed {
		p.start = RelaxedStart(t, p.Start)
	}
	if p.Forces {
		p.auto = SamplerMALA
	}
	return p
}

func (p profile) kernel(sampler Sampler) (Kernel, error) {
	switch sampler {
	case SamplerMetropolis:
		return Metropolis{Sigma: p.Sigma}, nil
	case SamplerMALA:
		return MALA{H: p.H}, nil
	case SamplerTempering:
		inner, err := p.kernel(p.auto)
		count := 1 + int(math.Ceil(math.Log(p.Hottest)/math.Log(p.Ratio)))
		return Tempering{Kernel: inner, Betas: Ladder(p.Hottest, count)}, err
	}
	return nil, fmt.Errorf("mcmc: unknown sampler %q; give one of %v", sampler, Samplers())
}
