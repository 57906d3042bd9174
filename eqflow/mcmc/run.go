package mcmc

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// between is the number of steps between looks at the context and reports of progress.
const between = 500

// Start writes the starting configuration of a chain into x [n*d], with randomness from rng alone.
type Start func(rng *rand.Rand, x []float64)

// NormalStart draws every coordinate from N(0, spread²).
func NormalStart(spread float64) Start {
	return func(rng *rand.Rand, x []float64) {
		for k := range x {
			x[k] = spread * rng.NormFloat64()
		}
	}
}

// FixedStart starts every chain at a copy of start [n*d].
func FixedStart(start []float64) Start {
	return func(_ *rand.Rand, x []float64) { copy(x, start) }
}

// RelaxedStart draws coordinates from N(0, spread²) and relaxes them to a local minimum of t, which frees them of
// overlaps. Where relaxation fails the draw itself is the start.
func RelaxedStart(t target.Target, spread float64) Start {
	draw := NormalStart(spread)
	return func(rng *rand.Rand, x []float64) {
		draw(rng, x)
		if relaxed, _, err := target.Relax(t, x); err == nil {
			copy(x, relaxed)
		}
	}
}

// Settings says how long chains run and what is kept.
type Settings struct {
	Chains int  // independent chains, 1 where zero
	Burn   int  // steps before anything is kept
	Keep   int  // configurations kept of each chain, 1 where zero
	Thin   int  // steps from one kept configuration to the next, 1 where zero
	Adapt  bool // find the step length during Burn; it is fixed from then on
	Seed   uint64
	// Progress, where not nil, is told the steps done and to do, over all chains; calls do not overlap.
	Progress func(done, total int)
}

// Validate returns an error where there is nothing to run.
func (s Settings) Validate() error {
	if s.Chains < 0 || s.Burn < 0 || s.Keep < 0 || s.Thin < 0 {
		return fmt.Errorf("mcmc: %d chains, burn %d, keep %d, thin %d; give numbers that are not negative", s.Chains, s.Burn, s.Keep, s.Thin)
	}
	if s.Adapt && s.Burn == 0 {
		return fmt.Errorf("mcmc: no burn-in to adapt the step length in; give Burn")
	}
	return nil
}

func (s Settings) withDefaults() Settings {
	s.Chains, s.Keep, s.Thin = max(1, s.Chains), max(1, s.Keep), max(1, s.Thin)
	return s
}

func (s Settings) totalSteps() int { return s.Chains * (s.Burn + s.Keep*s.Thin) }

// Run draws Chains·Keep configurations, mean-free: first all of chain 0 in order of time, then chain 1, ….
//
// Chain c draws from its own generator, seeded with (Seed, c), so that neither the number of cores nor that of
// chains changes it. When ctx ends, Run returns what has been kept so far together with ctx's error.
func Run(ctx context.Context, t target.Target, kernel Kernel, start Start, settings Settings) (particle.Batch, Info, error) {
	if err := kernel.Validate(); err != nil {
		return particle.Batch{}, Info{}, err
	}
	if err := settings.Validate(); err != nil {
		return particle.Batch{}, Info{}, err
	}
	settings = settings.withDefaults()
	r := &runner{
		ctx: ctx, target: t, kernel: kernel, start: start, settings: settings,
		samples: particle.NewBatch(settings.Chains*settings.Keep, t.Particles(), t.Dim()),
		kept:    make([]int, settings.Chains),
		infos:   make([]Info, settings.Chains),
		failed:  make([]error, settings.Chains),
	}
	r.all()
	return r.result()
}

type runner struct {
	ctx      context.Context
	target   target.Target
	kernel   Kernel
	start    Start
	settings Settings
	samples  particle.Batch
	kept     []int
	infos    []Info
	failed   []error
	reports  sync.Mutex
	done     int
}

// all runs every chain; a worker takes the next chain when it is done with one.
func (r *runner) all() {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(target.Concurrency(r.target), r.settings.Chains) {
		group.Go(func() {
			for r.ctx.Err() == nil {
				c := int(next.Add(1)) - 1
				if c >= r.settings.Chains {
					return
				}
				r.failed[c] = r.chain(c)
			}
		})
	}
	group.Wait()
}

// chain runs chain c to its end or that of the context.
func (r *runner) chain(c int) error {
	rng := rand.New(rand.NewPCG(r.settings.Seed, uint64(c)))
	x := make([]float64, r.samples.N*r.samples.D)
	r.start(rng, x)
	state, err := r.kernel.Init(r.target, x)
	if err != nil {
		return err
	}
	info := &r.infos[c]
	info.ChainsStarted = 1
	state.adaptive(r.settings.Adapt)
	// The burn-in's acceptance is not that of the samples: it is dropped.
	if !r.steps(rng, state, r.settings.Burn, &Info{}) {
		return nil
	}
	state.adaptive(false)
	for k := range r.settings.Keep {
		if !r.steps(rng, state, r.settings.Thin, info) {
			return nil
		}
		copy(r.samples.At(c*r.settings.Keep+k), state.X)
		r.kept[c]++
	}
	return nil
}

// steps moves a chain and returns false when the context ended before.
func (r *runner) steps(rng *rand.Rand, state *State, count int, info *Info) bool {
	for count > 0 {
		if r.ctx.Err() != nil {
			return false
		}
		part := min(count, between)
		for range part {
			info.add(r.kernel.Step(rng, state))
		}
		count -= part
		r.report(part)
	}
	return true
}

func (r *runner) report(steps int) {
	if r.settings.Progress == nil {
		return
	}
	r.reports.Lock()
	defer r.reports.Unlock()
	r.done += steps
	r.settings.Progress(r.done, r.settings.totalSteps())
}

// result gathers what the chains kept.
func (r *runner) result() (particle.Batch, Info, error) {
	total := Info{Chains: r.settings.Chains}
	for _, info := range r.infos {
		total.add(info)
		total.ChainsStarted += info.ChainsStarted
	}
	for c, err := range r.failed {
		if err != nil {
			return particle.Batch{}, total, fmt.Errorf("chain %d: %w", c, err)
		}
	}
	if r.ctx.Err() == nil {
		return r.samples, total, nil
	}
	var indices []int
	for c, kept := range r.kept {
		for k := range kept {
			indices = append(indices, c*r.settings.Keep+k)
		}
	}
	partial := r.samples.Select(indices)
	return partial, total, fmt.Errorf("mcmc: stopped with %d of %d configurations kept: %w",
		partial.Len(), r.samples.Len(), r.ctx.Err())
}
