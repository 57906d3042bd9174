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
	Auto              Sampler = "auto" // Metropolis for smooth energies, MALA for Lennard-Jones
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
	if sampler == SamplerTempering {
		// Replicas mix faster than a single chain, and each costs as much.
		p.chains, p.burn = (p.chains+7)/8, p.burn/2
	}
	kernel, err := p.kernel(sampler)
	if err != nil {
		return Plan{}, err
	}
	keep := (n + p.chains - 1) / p.chains
	return Plan{
		Kernel: kernel,
		Start:  p.start,
		Settings: Settings{
			Chains: (n + keep - 1) / keep, Keep: keep, Burn: p.burn, Thin: p.thin, Adapt: true, Seed: seed,
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

// profile is what is known about sampling one kind of target.
type profile struct {
	auto                 Sampler
	sigma, h             float64 // first step lengths
	chains, burn, thin   int     // at most chains; steps
	hottest, temperature float64 // lowest beta of tempering; ratio of neighbours
	spread               float64 // of a normal as wide as the target
	start                Start
}

// profileOf measures lengths in the target's own: the barrier's distance, the pair's minimum, the trap's width.
func profileOf(t target.Target) profile {
	n, d := float64(t.Particles()), float64(t.Dim())
	// A step of one common size moves all n·d coordinates; DW4's 8 are the measure.
	shrink := math.Sqrt(8 / (n * d))
	switch t := t.(type) {
	case target.DoubleWell:
		unit := math.Max(math.Abs(t.D0), 1) / 4
		return profile{
			auto: SamplerMetropolis, sigma: 0.35 * unit * shrink, h: 0.25 * unit * shrink,
			chains: 4000, burn: 6000, thin: 500, hottest: 0.2, temperature: 0.67,
			spread: 2.3 * unit, start: NormalStart(3 * unit),
		}
	case target.LennardJones:
		rm := t.Rm
		if rm == 0 {
			rm = 1
		}
		return profile{
			auto: SamplerMALA, sigma: 0.05 * rm * shrink, h: 0.05 * rm,
			chains: 1000, burn: 10000, thin: 500, hottest: 0.5, temperature: 0.85, spread: 1,
			// A ball that holds n close-packed particles has about this width.
			start: RelaxedStart(t, 0.4*rm*math.Cbrt(n)),
		}
	case target.Harmonic:
		width := 1.0
		if t.K > 0 {
			width = 1 / math.Sqrt(t.K)
		}
		return profile{
			auto: SamplerMALA, sigma: width * shrink, h: width, chains: 4000, burn: 500, thin: 20,
			hottest: 0.5, temperature: 0.7, spread: width, start: NormalStart(width),
		}
	}
	// Of a system of the user's own nothing is known, and an evaluation costs some microseconds.
	return profile{
		auto: SamplerMetropolis, sigma: 0.3 * shrink, h: 0.2 * shrink, chains: 1024, burn: 4000, thin: 400,
		hottest: 0.2, temperature: 0.67, spread: 1, start: RelaxedStart(t, 1),
	}
}

func (p profile) kernel(sampler Sampler) (Kernel, error) {
	if sampler == Auto || sampler == "" {
		sampler = p.auto
	}
	switch sampler {
	case SamplerMetropolis:
		return Metropolis{Sigma: p.sigma}, nil
	case SamplerMALA:
		return MALA{H: p.h}, nil
	case SamplerTempering:
		inner, err := p.kernel(p.auto)
		count := 1 + int(math.Ceil(math.Log(p.hottest)/math.Log(p.temperature)))
		return Tempering{Kernel: inner, Betas: Ladder(p.hottest, count)}, err
	}
	return nil, fmt.Errorf("mcmc: unknown sampler %q; give one of %v", sampler, Samplers())
}
