package mcmc

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Annealing is annealed importance sampling (Neal 2001) from a mean-free normal to a target, along
//
//	u_λ(x) = (1−λ) |x|²/(2 Spread²) + λ u(x),  λ = (k/Rungs)^Power
//
// Each chain's weight is an unbiased estimate of Z. A zero field means its default; the defaults
// are good for DW4 (log Z to ± 0.01). A system that collapses on the way, as LJ13 with ordered
// pairs does, needs tens of thousands of rungs. If few chains carry the weight (ESS), the estimate
// tends to be too low and its error too small.
type Annealing struct {
	Chains   int     // default 16000
	Rungs    int     // default 1000
	Steps    int     // Metropolis steps at each rung; default 1
	Spread   float64 // width of the normal, in the unit of length; default: about the target's own width
	Power    float64 // default 3: rungs lie close together near the normal, where u is large
	Sigma    float64 // step length; default as in Equilibrium
	Seed     uint64
	Progress func(done, total int) // receives the chains done and to do; calls do not overlap
}

// AnnealedLogZ is the result of annealing: log Z on the mean-free subspace with its orthonormal
// measure.
type AnnealedLogZ struct {
	LogZ       stats.Estimate
	ESS        float64   // Kish's, of the chains' weights; if it is small, the error of LogZ is not reliable
	LogWeights []float64 // [Chains]
}

// LogZ runs the annealing over all cores. When ctx ends, it returns the estimate of the finished
// chains together with ctx's error.
func (a Annealing) LogZ(ctx context.Context, t target.Target) (AnnealedLogZ, error) {
	a = a.withDefaults(t)
	if a.Chains < 2 || a.Rungs < 1 || a.Steps < 1 || !(a.Spread > 0) || !(a.Power > 0) || !(a.Sigma > 0) {
		return AnnealedLogZ{}, fmt.Errorf(
			"mcmc: annealing over %d chains, %d rungs of %d steps, spread %g, power %g, sigma %g; "+
				"give positive numbers",
			a.Chains, a.Rungs, a.Steps, a.Spread, a.Power, a.Sigma)
	}
	weights, failures := make([]float64, a.Chains), make([]error, a.Chains)
	finished := make([]bool, a.Chains)
	var reports sync.Mutex
	count := 0
	until, release := target.Until(ctx, t)
	defer release()
	parallel.For(target.Concurrency(t), a.Chains, func(c int) {
		if ctx.Err() != nil {
			return
		}
		weight, failure := a.runChain(ctx, until, uint64(c))
		if ctx.Err() != nil {
			return
		}
		weights[c], failures[c] = weight, failure
		reports.Lock()
		defer reports.Unlock()
		finished[c] = true
		count++
		if a.Progress != nil {
			a.Progress(count, a.Chains)
		}
	})
	return a.result(ctx, weights, finished, failures)
}

func (a Annealing) withDefaults(t target.Target) Annealing {
	r := recipeOf(t)
	a.Chains, a.Rungs, a.Steps = cmp.Or(a.Chains, 16000), cmp.Or(a.Rungs, 1000), cmp.Or(a.Steps, 1)
	a.Spread, a.Power, a.Sigma = cmp.Or(a.Spread, r.Spread), cmp.Or(a.Power, 3), cmp.Or(a.Sigma, r.Sigma)
	return a
}

// runChain anneals one configuration and returns its log-weight, which includes the normal's log
// normaliser.
func (a Annealing) runChain(ctx context.Context, t target.Target, c uint64) (float64, error) {
	rng := rand.New(rand.NewPCG(a.Seed, c))
	bridge := &target.Bridge{Target: t, Variance: a.Spread * a.Spread, Cut: math.Inf(1)}
	x := make([]float64, t.Particles()*t.Dim())
	NormalStart(a.Spread)(ctx, rng, x)
	move := Metropolis{Sigma: a.Sigma}
	state, err := move.Init(bridge, x)
	if err != nil {
		return 0, err
	}
	logW := float64(target.DegreesOfFreedom(t)) / 2 * math.Log(2*math.Pi*bridge.Variance)
	for k := 1; k <= a.Rungs && ctx.Err() == nil; k++ {
		before := state.U
		bridge.Lambda = math.Pow(float64(k)/float64(a.Rungs), a.Power)
		state.refresh()
		logW -= state.U - before
		for range a.Steps {
			move.Step(rng, state)
		}
	}
	return logW, nil
}

func (a Annealing) result(
	ctx context.Context, weights []float64, finished []bool, failures []error,
) (AnnealedLogZ, error) {
	var done []float64
	for c, ok := range finished {
		if ok && failures[c] != nil {
			return AnnealedLogZ{}, failures[c]
		}
		if ok {
			done = append(done, weights[c])
		}
	}
	out := AnnealedLogZ{LogWeights: done}
	if len(done) > 1 {
		out.LogZ, out.ESS = stats.LogZ(done, stats.Bootstrap{Seed: a.Seed}), stats.KishESS(done)
	}
	if ctx.Err() != nil {
		return out, fmt.Errorf("mcmc: annealing stopped after %d of %d chains: %w", len(done), a.Chains, ctx.Err())
	}
	return out, nil
}
