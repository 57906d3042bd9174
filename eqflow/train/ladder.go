package train

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Rung is one rung of the ladder that Annealed climbs from a normal distribution (λ = 0) to the
// target (λ = 1). The densities of the ladder are
//
//	p_λ ∝ exp(−u_λ),  u_λ(x) = (1−λ) |x|²/(2 spread²) + λ u(x)
//
// On each rung the model draws configurations with their density q. The weights exp(−u_λ)/q turn
// the draws into a fair sample of p_λ, for every λ that is close enough to them. Flow matching on
// this sample, which also holds draws of earlier rungs, fits the model to p_λ. The next λ is the
// largest that keeps half of the effective draws. The weights are exact, so that an error of an
// earlier rung does not persist. The exception is a mode that no draw has found. Related work:
// arXiv:2501.19077 (annealed Boltzmann generators) and arXiv:2208.01893.
type Rung struct {
	Step   int     `json:"step"` // training step at which the rung was reached
	Lambda float64 `json:"lambda"`
	ESS    float64 `json:"ess"`   // effective share of the draws under p_λ, with truncated weights
	LogZ   float64 `json:"log_z"` // ln ∫ exp(−u_λ) from the draws, nats; of the target at λ = 1
	// Move is the length of the MALA steps, and Accepted is the share of them that was accepted.
	Move     float64 `json:"move,omitempty"`
	Accepted float64 `json:"accepted,omitempty"`
	Energies int64   `json:"energy_evaluations"` // since training began
}

// The rule for the next λ: a rung keeps the share keptShare of the effective draws, and at least
// the share leastShare of all draws.
const (
	keptShare  = 0.5
	leastShare = 0.05
)

// rungDraws are the configurations x of one rung with |x|², energies u, ∇u, and the log-density log
// q of the distribution that they were rungDraws from.
type rungDraws struct {
	x, slopes  particle.Batch
	squares, u []float64
	logQ       []float64
}

// Ladder holds the settings of learning from the model's own draws.
type Ladder struct {
	Draws     int     // configurations at each rung
	DrawEvery int     // training steps on each rung
	Moves     int     // MALA steps for each draw; 0 for none
	Cut       float64 // as in Energy, on the rungs before the target
	// AtTarget puts every rung at the target and gives all draws the same weight.
	AtTarget bool
}

func (l Ladder) validate() error {
	if l.Draws < 0 || l.Draws == 1 || l.DrawEvery < 0 || l.Moves < 0 {
		return badSetting("%d draws every %d steps, moved %d steps; give at least 2, 1 and 0",
			l.Draws, l.DrawEvery, l.Moves)
	}
	return nil
}

// ladder is a ladder in progress.
type ladder struct {
	*trainer
	Ladder
	sets []rungDraws // one for each rung; at the target, the last rung's alone
}

// due reports whether the next rung is to be climbed before the next step.
func (l *ladder) due() bool {
	rungs := l.history.Rungs
	return len(rungs) == 0 || l.State.Steps-rungs[len(rungs)-1].Step >= l.DrawEvery
}

// climb draws from the model, adds the next rung, and gives the rung's sample to the feed.
func (l *ladder) climb(ctx context.Context) error {
	lambda, k := 0.0, len(l.history.Rungs)
	set, err := l.draw(ctx, k)
	if err != nil {
		return err
	}
	if k > 0 {
		lambda = l.history.Rungs[k-1].Lambda
	}
	data, slopes := set.x, set.slopes
	if l.AtTarget {
		lambda, l.sets = 1, []rungDraws{set}
	} else {
		lambda, l.sets = l.nextLambda(set, lambda), append(l.sets, set)
		data, slopes = l.resample(k, lambda)
	}
	logW := l.logWeights(set, lambda)
	rung := Rung{
		Step: l.State.Steps, Lambda: lambda, LogZ: stats.LogMeanExp(logW),
		ESS: stats.KishESS(stats.Truncate(logW)) / float64(l.Draws),
	}
	if l.Moves > 0 {
		if rung.Move, rung.Accepted, err = l.moveDraws(k, lambda, data, slopes); err != nil {
			return err
		}
	}
	rung.Energies = l.history.Energies
	l.history.Rungs = append(l.history.Rungs, rung)
	l.feed.spread = l.history.Spread
	l.feed.setData(l.State.Steps, data, slopes)
	return nil
}

// draw returns the draws of rung k. Rung 0 draws from the normal distribution. Later rungs draw
// from the model with its averaged parameters and half of the solver's steps, whose error is far
// below the noise of the weights.
func (l *ladder) draw(ctx context.Context, k int) (rungDraws, error) {
	rng := l.feed.rng(streamDraws, k)
	z := l.Density.Prior.Sample(rng, l.Draws)
	if k == 0 {
		l.history.Spread = l.chooseSpread(rng)
		x, logQ := particle.Batch{X: scaled(z.X, l.history.Spread), N: z.N, D: z.D}, make([]float64, z.Len())
		free := float64(l.Density.Prior.DegreesOfFreedom())
		for i := range logQ {
			logQ[i] = -squaredNorm(z.At(i))/2 - free*(math.Log(2*math.Pi)/2+math.Log(l.history.Spread))
		}
		return l.withEnergies(x, logQ), nil
	}
	var image density.Image
	err := l.Density.During(ctx, func() error {
		return l.Density.Using(l.finalScope(), func() (err error) {
			image, err = l.Density.Forward(z, (l.Density.SolverSteps()+1)/2)
			return err
		})
	})
	if err != nil {
		return rungDraws{}, err
	}
	return l.withEnergies(image.X, image.LogQ), nil
}

// chooseSpread chooses the width of the normal distribution. Of the widths that it tries it takes
// the one whose draws give the highest estimate of log Z. The estimate is on average a lower bound,
// and the bound is the tighter the better the draws cover the target (Burda et al.,
// arXiv:1509.00519).
func (l *ladder) chooseSpread(rng *rand.Rand) float64 {
	const tries, draws = 17, 200
	highest, spread := math.Inf(-1), 1.0
	z := l.Density.Prior.Sample(rng, draws)
	for k := range tries {
		s := math.Pow(2, float64(k-tries/2)/4) // from a quarter to four
		logW := make([]float64, draws)
		parallel.For(target.Concurrency(l.Target), draws, func(i int) {
			x := scaled(z.At(i), s)
			logW[i] = squaredNorm(z.At(i))/2 - l.Target.EnergyForces(x, nil)
		})
		if bound := stats.LogMeanExp(logW) + float64(l.Density.Prior.DegreesOfFreedom())*math.Log(s); bound > highest {
			highest, spread = bound, s
		}
	}
	l.history.Energies += tries * draws
	return spread
}

func scaled(z []float64, factor float64) []float64 {
	x := make([]float64, len(z))
	for k, v := range z {
		x[k] = factor * v
	}
	return x
}

// withEnergies adds energies and their gradients to draws.
func (l *ladder) withEnergies(x particle.Batch, logQ []float64) rungDraws {
	d := rungDraws{x: x, squares: make([]float64, x.Len()), logQ: logQ}
	d.u, d.slopes = target.EnergiesGradients(l.Target, x)
	for i := range d.squares {
		d.squares[i] = squaredNorm(x.At(i))
	}
	l.history.Energies += int64(x.Len())
	return d
}

// bridge is the energy u_λ.
func (l *ladder) bridge(lambda float64) target.Bridge {
	return target.Bridge{Target: l.Target, Lambda: lambda, Variance: l.history.Spread * l.history.Spread, Cut: l.Cut}
}

// logWeights returns ln(exp(−u_λ)/q) of each draw, and −Inf where the model failed.
func (l *ladder) logWeights(d rungDraws, lambda float64) []float64 {
	b, out := l.bridge(lambda), make([]float64, len(d.u))
	for i := range out {
		out[i] = -b.Mix(d.squares[i], d.u[i]) - d.logQ[i]
		if math.IsNaN(out[i]) || math.IsInf(out[i], 1) {
			out[i] = math.Inf(-1)
		}
	}
	return out
}

// nextLambda returns the λ of the next rung, given the draws of the model at the present λ.
func (l *ladder) nextLambda(d rungDraws, lambda float64) float64 {
	share := func(lambda float64) float64 {
		return stats.KishESS(stats.Truncate(l.logWeights(d, lambda))) / float64(len(d.u))
	}
	least := max(leastShare, keptShare*share(lambda))
	if share(1) >= least {
		return 1
	}
	low, high := lambda, 1.0
	for range 60 {
		if middle := (low + high) / 2; share(middle) >= least {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// resample draws a fair sample of p_λ, with ∇u_λ, from the draws of all rungs. The weights of each
// rung sum to its effective number of draws, so that rungs whose λ is far from the present one
// hardly acceptances.
func (l *ladder) resample(k int, lambda float64) (x, slopes particle.Batch) {
	var logW []float64
	total := 0.0
	for _, set := range l.sets {
		w := stats.Truncate(l.logWeights(set, lambda))
		effective := stats.KishESS(w)
		if math.IsNaN(effective) {
			effective = 0
		}
		sum := stats.LogSumExp(w)
		for _, v := range w {
			logW = append(logW, v-sum+math.Log(effective))
		}
		total += effective
	}
	size := min(len(logW), max(l.Settings.Batch, 2*int(total)))
	b := l.bridge(lambda)
	n, d := l.Density.Prior.N, l.Density.Prior.D
	x, slopes = particle.NewBatch(size, n, d), particle.NewBatch(size, n, d)
	for to, from := range stats.Resample(l.feed.rng(streamDraws, k<<20+1), logW, size) {
		set, i := l.sets[from/l.Draws], from%l.Draws
		copy(x.At(to), set.x.At(i))
		b.Gradient(x.At(to), set.slopes.At(i), set.u[i], slopes.At(to))
	}
	return x, slopes
}

// moveDraws moves configurations, with their ∇u_λ, by MALA steps, which leave p_λ invariant. The
// length of the steps is adapted from rung to rung.
func (l *ladder) moveDraws(k int, lambda float64, x, slopes particle.Batch) (length, accepted float64, err error) {
	length = 0.1 * l.history.Spread
	if k > 0 {
		before := l.history.Rungs[k-1]
		// 0.574 is the optimal acceptance (Roberts and Rosenthal 1998).
		length = before.Move * math.Exp(2*(before.Accepted-0.574))
	}
	mala, b := mcmc.MALA{H: length}, l.bridge(lambda)
	var acceptances atomic.Int64
	failures := make([]error, x.Len())
	parallel.For(target.Concurrency(l.Target), x.Len(), func(i int) {
		rng := rand.New(rand.NewPCG(l.Settings.Seed^uint64(k+1)<<32, uint64(i)))
		state, err := mala.Init(b, x.At(i))
		if err != nil {
			failures[i] = err
			return
		}
		for range l.Moves {
			acceptances.Add(int64(mala.Step(rng, state).Accepted))
		}
		copy(x.At(i), state.X)
		for j, f := range state.Forces {
			slopes.At(i)[j] = -f
		}
	})
	l.history.Energies += int64(x.Len() * (l.Moves + 1))
	for _, err := range failures {
		if err != nil {
			return 0, 0, fmt.Errorf("eqflow: cannot move the draws of rung %d: %w", k, err)
		}
	}
	return length, float64(acceptances.Load()) / float64(x.Len()*l.Moves), nil
}

// squaredNorm returns |x|².
func squaredNorm(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}
