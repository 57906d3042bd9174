package mcmc

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// reportEvery is the number of steps between reports of progress for few particles, and reportPairs
// the number of pairs whose energies they cost at most for many.
const (
	reportEvery = 500
	reportPairs = 1 << 20
)

// Start writes the starting configuration of a chain into x [n*d], with randomness from rng alone.
// When ctx ends, it may leave any configuration there.
type Start func(ctx context.Context, rng *rand.Rand, x []float64)

// NormalStart draws every coordinate from N(0, spread²).
func NormalStart(spread float64) Start {
	return func(_ context.Context, rng *rand.Rand, x []float64) {
		for k := range x {
			x[k] = spread * rng.NormFloat64()
		}
	}
}

// FixedStart starts every chain at a copy of start [n*d].
func FixedStart(start []float64) Start {
	return func(_ context.Context, _ *rand.Rand, x []float64) { copy(x, start) }
}

// RelaxedStart draws coordinates from N(0, spread²) and relaxes them to a local minimum of t, which
// removes overlaps. If the relaxation fails, the chain starts at the draw itself.
func RelaxedStart(t target.Target, spread float64) Start {
	draw := NormalStart(spread)
	return func(ctx context.Context, rng *rand.Rand, x []float64) {
		draw(ctx, rng, x)
		until, release := target.Until(ctx, t)
		defer release()
		if relaxed, _, err := target.Relax(until, x); err == nil {
			copy(x, relaxed)
		}
	}
}

// Settings are the number and length of the chains, and how many configurations are kept.
type Settings struct {
	Chains int  // independent chains; 0 means 1
	Burn   int  // steps before the first configuration is kept
	Keep   int  // configurations kept of each chain; 0 means 1
	Thin   int  // steps from one kept configuration to the next; 0 means 1
	Adapt  bool // find the step length during Burn and keep it from then on
	Seed   uint64
	// Progress, if not nil, receives the steps done and the steps to do, over all chains; calls do
	// not overlap.
	Progress func(done, total int)
}

// Validate returns an error if the numbers make no run.
func (s Settings) Validate() error {
	if s.Chains < 0 || s.Burn < 0 || s.Keep < 0 || s.Thin < 0 {
		return fmt.Errorf("mcmc: %d chains, burn %d, keep %d, thin %d; give numbers that are not negative",
			s.Chains, s.Burn, s.Keep, s.Thin)
	}
	if s.Adapt && s.Burn == 0 {
		return fmt.Errorf("mcmc: the step length cannot be adapted without a burn-in; give Burn")
	}
	return nil
}

func (s Settings) withDefaults() Settings {
	s.Chains, s.Keep, s.Thin = cmp.Or(s.Chains, 1), cmp.Or(s.Keep, 1), cmp.Or(s.Thin, 1)
	return s
}

func (s Settings) totalSteps() int { return s.Chains * (s.Burn + s.Keep*s.Thin) }

// Run draws Chains·Keep mean-free configurations: first all of chain 0 in order of time, then those
// of chain 1, and so on.
//
// Chain c has a random generator of its own, seeded with (Seed, c), so its configurations depend
// neither on the number of cores nor on the number of chains. When ctx ends, Run returns the
// configurations kept so far together with ctx's error.
func Run(
	ctx context.Context, t target.Target, move Move, start Start, settings Settings,
) (particle.Batch, Info, error) {
	if err := move.Validate(); err != nil {
		return particle.Batch{}, Info{}, err
	}
	if err := settings.Validate(); err != nil {
		return particle.Batch{}, Info{}, err
	}
	settings = settings.withDefaults()
	until, release := target.Until(ctx, t)
	defer release()
	r := &runner{
		ctx: ctx, target: until, move: move, start: start, settings: settings,
		samples:  particle.NewBatch(settings.Chains*settings.Keep, t.Particles(), t.Dim()),
		kept:     make([]int, settings.Chains),
		infos:    make([]Info, settings.Chains),
		failures: make([]error, settings.Chains),
	}
	parallel.For(target.Concurrency(t), settings.Chains, func(c int) {
		if ctx.Err() == nil {
			r.failures[c] = r.runChain(c)
		}
	})
	return r.result()
}

// runner is one Run in progress. Each chain writes to its own elements of the slices.
type runner struct {
	ctx      context.Context
	target   target.Target
	move     Move
	start    Start
	settings Settings
	samples  particle.Batch
	kept     []int   // configurations, by chain
	infos    []Info  // by chain
	failures []error // by chain
	reports  sync.Mutex
	done     int // steps, over all chains
}

// runChain runs chain c until it ends or the context does.
func (r *runner) runChain(c int) error {
	rng := rand.New(rand.NewPCG(r.settings.Seed, uint64(c)))
	x := make([]float64, r.samples.N*r.samples.D)
	r.start(r.ctx, rng, x)
	state, err := r.move.Init(r.target, x)
	if r.ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	info := &r.infos[c]
	info.ChainsStarted = 1
	state.setAdaptive(r.settings.Adapt)
	// The acceptance of the burn-in says nothing about the samples, so it is not counted.
	if !r.step(rng, state, r.settings.Burn, &Info{}) {
		return nil
	}
	state.setAdaptive(false)
	for k := range r.settings.Keep {
		if !r.step(rng, state, r.settings.Thin, info) {
			return nil
		}
		copy(r.samples.At(c*r.settings.Keep+k), state.X)
		r.kept[c]++
	}
	return nil
}

// step makes count steps of a chain and reports whether it made them all before the context ended.
func (r *runner) step(rng *rand.Rand, state *State, count int, info *Info) bool {
	for count > 0 {
		if r.ctx.Err() != nil {
			return false
		}
		part := min(count, r.stepsPerReport())
		for range part {
			info.add(r.move.Step(rng, state))
		}
		count -= part
		r.report(part)
	}
	return r.ctx.Err() == nil // the energies of the last steps are not true if it has ended
}

// stepsPerReport is the number of steps between checks of the context and reports of progress.
func (r *runner) stepsPerReport() int {
	n := r.samples.N
	return max(1, min(reportEvery, reportPairs/(n*n)))
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

// result returns the configurations that the chains kept.
func (r *runner) result() (particle.Batch, Info, error) {
	total := Info{Chains: r.settings.Chains}
	for _, info := range r.infos {
		total.add(info)
		total.ChainsStarted += info.ChainsStarted
	}
	for c, err := range r.failures {
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
