package mcmc

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Annealing is annealed importance sampling (Neal 2001) from a mean-free normal to a target, along
//
//	u_λ(x) = (1−λ) |x|²/(2 Spread²) + λ u(x),  λ = (k/Rungs)^Power
//
// Each chain's weight is unbiased for Z. The zero value of every field stands for a default that is good for DW4 (log Z
// to ± 0.01). A system that collapses on the way, as LJ13 with ordered pairs, needs tens of thousands of rungs: where
// few chains carry the weight (ESS), the estimate tends to lie low and its error says too little.
type Annealing struct {
	Chains   int     // 16000
	Rungs    int     // 1000
	Steps    int     // Metropolis steps at each rung, 1
	Spread   float64 // width of the normal, in the unit of length; about the target's own width
	Power    float64 // 3: steps are fine near the normal, where u is large
	Sigma    float64 // step length, Equilibrium's where zero
	Seed     uint64
	Progress func(done, total int) // chains done and to do; calls do not overlap
}

// AnnealedLogZ is what annealing found: log Z on the mean-free subspace with its orthonormal measure.
type AnnealedLogZ struct {
	LogZ       stats.Estimate
	ESS        float64   // Kish's, of the chains' weights: few effective chains make the error untrustworthy
	LogWeights []float64 // [Chains]
}

// LogZ runs the annealing over all cores. When ctx ends, the chains that are done give the estimate, together with
// ctx's error.
func (a Annealing) LogZ(ctx context.Context, t target.Target) (AnnealedLogZ, error) {
	a = a.withDefaults(t)
	if a.Chains < 2 || a.Rungs < 1 || a.Steps < 1 || !(a.Spread > 0) || !(a.Power > 0) || !(a.Sigma > 0) {
		return AnnealedLogZ{}, fmt.Errorf("mcmc: annealing over %d chains, %d rungs of %d steps, spread %g, power %g, sigma %g; give positive numbers",
			a.Chains, a.Rungs, a.Steps, a.Spread, a.Power, a.Sigma)
	}
	weights, errs := make([]float64, a.Chains), make([]error, a.Chains)
	finished := make([]bool, a.Chains)
	var next atomic.Int64
	var group sync.WaitGroup
	var reports sync.Mutex
	count := 0
	for range min(target.Concurrency(t), a.Chains) {
		group.Go(func() {
			for c := int(next.Add(1)) - 1; c < a.Chains && ctx.Err() == nil; c = int(next.Add(1)) - 1 {
				weights[c], errs[c] = a.chain(t, uint64(c))
				reports.Lock()
				finished[c] = true
				count++
				if a.Progress != nil {
					a.Progress(count, a.Chains)
				}
				reports.Unlock()
			}
		})
	}
	group.Wait()
	return a.result(ctx, weights, finished, errs)
}

func (a Annealing) withDefaults(t target.Target) Annealing {
	p := profileOf(t)
	orInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	orFloat := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	orInt(&a.Chains, 16000)
	orInt(&a.Rungs, 1000)
	orInt(&a.Steps, 1)
	orFloat(&a.Spread, p.Spread)
	orFloat(&a.Power, 3)
	orFloat(&a.Sigma, p.Sigma)
	return a
}

// chain anneals one configuration and returns its log-weight, with the normal's log normaliser.
func (a Annealing) chain(t target.Target, c uint64) (float64, error) {
	rng := rand.New(rand.NewPCG(a.Seed, c))
	bridge := &bridge{Target: t, variance: a.Spread * a.Spread}
	x := make([]float64, t.Particles()*t.Dim())
	NormalStart(a.Spread)(rng, x)
	kernel := Metropolis{Sigma: a.Sigma}
	state, err := kernel.Init(bridge, x)
	if err != nil {
		return 0, err
	}
	logW := float64(target.DegreesOfFreedom(t)) / 2 * math.Log(2*math.Pi*bridge.variance)
	for k := 1; k <= a.Rungs; k++ {
		before := state.U
		bridge.lambda = math.Pow(float64(k)/float64(a.Rungs), a.Power)
		state.refresh()
		logW -= state.U - before
		for range a.Steps {
			kernel.Step(rng, state)
		}
	}
	return logW, nil
}

func (a Annealing) result(ctx context.Context, weights []float64, finished []bool, errs []error) (AnnealedLogZ, error) {
	var done []float64
	for c, ok := range finished {
		if ok && errs[c] != nil {
			return AnnealedLogZ{}, errs[c]
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

// bridge is the energy between a mean-free normal (lambda 0) and a target (lambda 1), without forces. Each chain has
// its own, whose lambda it moves.
type bridge struct {
	target.Target
	variance, lambda float64
}

// EnergyForces returns u_λ of a mean-free x [n*d]; it has no forces to give.
func (b *bridge) EnergyForces(x, _ []float64) float64 {
	squares := 0.0
	for _, v := range x {
		squares += v * v
	}
	normal := (1 - b.lambda) * squares / (2 * b.variance)
	if b.lambda == 0 {
		return normal
	}
	return normal + b.lambda*b.Target.EnergyForces(x, nil)
}
