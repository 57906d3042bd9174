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

// Rung is a rung of the ladder that Annealed climbs from a normal, λ = 0, to the target, λ = 1, over the densities
//
//	p_λ ∝ exp(−u_λ),  u_λ(x) = (1−λ) |x|²/(2 spread²) + λ u(x)
//
// On each the model draws configurations with their density q. The weights exp(−u_λ)/q make them a fair sample of p_λ for
// whatever λ they are near enough to, and flow matching on them, and on the draws of the rungs before, fits the model to it.
// λ grows so far that half of the effective draws remain. Weights are exact, so nothing that an earlier rung got wrong stays,
// but for modes that no draw has found. Relatives: arXiv:2501.19077, annealed Boltzmann generators; arXiv:2208.01893.
type Rung struct {
	Step   int     `json:"step"` // of training when it was reached
	Lambda float64 `json:"lambda"`
	ESS    float64 `json:"ess"`   // effective share of its draws under p_λ, weights truncated
	LogZ   float64 `json:"log_z"` // ln ∫ exp(−u_λ) by its draws, nats: the target's at λ = 1
	// Move is the length of the MALA moves, and Accepted their accepted share.
	Move     float64 `json:"move,omitempty"`
	Accepted float64 `json:"accepted,omitempty"`
	Energies int64   `json:"energy_evaluations"` // so far
}

// The ladder's rule: a rung leaves this share of the effective draws, and never less than leastShare of all.
const (
	shareLeft  = 0.5
	leastShare = 0.05
)

// drawn are the configurations of one rung: energies u and their gradients, and log-densities of what drew them.
type drawn struct {
	x, slopes  particle.Batch
	squares, u []float64
	logQ       []float64
}

// Ladder says how an objective learns from the model's own draws.
type Ladder struct {
	Draws     int     // configurations at each rung
	DrawEvery int     // steps on each rung
	Moves     int     // MALA steps by which the draws are moved; 0 for none
	Cut       float64 // reduced energy above which energies count by their logarithm, before the target
	// AtTarget puts every rung at the target and takes the draws as they are, without weights.
	AtTarget bool
}

func (l Ladder) validate() error {
	if l.Draws < 0 || l.Draws == 1 || l.DrawEvery < 0 || l.Moves < 0 {
		return badSetting("%d draws every %d steps, moved %d steps; give at least 2, 1 and 0", l.Draws, l.DrawEvery, l.Moves)
	}
	return nil
}

// ladder is a ladder in progress.
type ladder struct {
	*trainer
	Ladder
	sets []drawn // of all rungs; the last rung's alone at the target
}

// due tells whether it is time for the next rung.
func (l *ladder) due() bool {
	rungs := l.history.Rungs
	return len(rungs) == 0 || l.State.Steps-rungs[len(rungs)-1].Step >= l.DrawEvery
}

// climb draws from the model, takes the next rung, and gives the feed what to learn there.
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
		lambda, l.sets = 1, []drawn{set}
	} else {
		lambda, l.sets = l.next(set, lambda), append(l.sets, set)
		data, slopes = l.resample(k, lambda)
	}
	logW := l.logWeights(set, lambda)
	rung := Rung{
		Step: l.State.Steps, Lambda: lambda, LogZ: stats.LogMeanExp(logW),
		ESS: stats.KishESS(stats.Truncate(logW)) / float64(l.Draws),
	}
	if l.Moves > 0 {
		if rung.Move, rung.Accepted, err = l.move(k, lambda, data, slopes); err != nil {
			return err
		}
	}
	rung.Energies = l.history.Energies
	l.history.Rungs = append(l.history.Rungs, rung)
	l.feed.spread = l.history.Spread
	l.feed.learn(l.State.Steps, data, slopes)
	return nil
}

// draw returns rung k's draws: the first's are of the normal, the others' of the model with its averaged parameters, in half
// of the solver's steps, whose error is far below the weights' own noise.
func (l *ladder) draw(ctx context.Context, k int) (drawn, error) {
	rng := l.feed.rng(streamDraws, k)
	z := l.Density.Prior.Sample(rng, l.Draws)
	if k == 0 {
		l.history.Spread = l.widest(rng)
		x, logQ := particle.Batch{X: scaled(z.X, l.history.Spread), N: z.N, D: z.D}, make([]float64, z.Len())
		for i := range logQ {
			logQ[i] = -squareOf(z.At(i))/2 - float64(l.Density.Prior.DegreesOfFreedom())*(math.Log(2*math.Pi)/2+math.Log(l.history.Spread))
		}
		return l.evaluated(x, logQ), nil
	}
	var image density.Image
	err := l.Density.During(ctx, func() error {
		return l.Density.Using(l.finalScope(), func() (err error) {
			image, err = l.Density.Forward(z, (l.Density.SolverSteps()+1)/2)
			return err
		})
	})
	if err != nil {
		return drawn{}, err
	}
	return l.evaluated(image.X, image.LogQ), nil
}

// widest chooses the normal's width: of those tried, the one whose draws give the highest estimate of log Z, a lower bound on
// average that is the closer the better they cover the target (Burda et al., arXiv:1509.00519).
func (l *ladder) widest(rng *rand.Rand) float64 {
	const tries, draws = 17, 200
	best, width := math.Inf(-1), 1.0
	z := l.Density.Prior.Sample(rng, draws)
	for k := range tries {
		s := math.Pow(2, float64(k-tries/2)/4) // from a quarter to four
		logW := make([]float64, draws)
		parallel.For(target.Concurrency(l.Target), draws, func(i int) {
			x := scaled(z.At(i), s)
			logW[i] = squareOf(z.At(i))/2 - l.Target.EnergyForces(x, nil)
		})
		if bound := stats.LogMeanExp(logW) + float64(l.Density.Prior.DegreesOfFreedom())*math.Log(s); bound > best {
			best, width = bound, s
		}
	}
	l.history.Energies += tries * draws
	return width
}

func scaled(z []float64, by float64) []float64 {
	x := make([]float64, len(z))
	for k, v := range z {
		x[k] = by * v
	}
	return x
}

// evaluated adds energies and their gradients.
func (l *ladder) evaluated(x particle.Batch, logQ []float64) drawn {
	d := drawn{x: x, squares: make([]float64, x.Len()), logQ: logQ}
	d.u, d.slopes = target.EnergiesGradients(l.Target, x)
	for i := range d.squares {
		d.squares[i] = squareOf(x.At(i))
	}
	l.history.Energies += int64(x.Len())
	return d
}

func (l *ladder) bridge(lambda float64) target.Bridge {
	return target.Bridge{Target: l.Target, Lambda: lambda, Variance: l.history.Spread * l.history.Spread, Cut: l.Cut}
}

// logWeights are ln exp(−u_λ)/q of draws, −Inf where the model failed.
func (l *ladder) logWeights(d drawn, lambda float64) []float64 {
	b, out := l.bridge(lambda), make([]float64, len(d.u))
	for i := range out {
		out[i] = -b.Mix(d.squares[i], d.u[i]) - d.logQ[i]
		if math.IsNaN(out[i]) || math.IsInf(out[i], 1) {
			out[i] = math.Inf(-1)
		}
	}
	return out
}

// next is the λ of the next rung by its draws.
func (l *ladder) next(d drawn, lambda float64) float64 {
	share := func(lambda float64) float64 {
		return stats.KishESS(stats.Truncate(l.logWeights(d, lambda))) / float64(len(d.u))
	}
	least := max(leastShare, shareLeft*share(lambda))
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

// resample returns configurations that are a fair sample of p_λ, and their ∇u_λ, out of all rungs' draws. Each rung's weights
// sum to its effective number of draws, so that those for which λ is too far off hardly count.
func (l *ladder) resample(k int, lambda float64) (x, slopes particle.Batch) {
	var logW []float64
	total := 0.0
	for _, set := range l.sets {
		w := stats.Truncate(l.logWeights(set, lambda))
		n := stats.KishESS(w)
		if math.IsNaN(n) {
			n = 0
		}
		sum := stats.LogSumExp(w)
		for _, v := range w {
			logW = append(logW, v-sum+math.Log(n))
		}
		total += n
	}
	size := min(len(logW), max(l.Settings.Batch, 2*int(total)))
	b := l.bridge(lambda)
	x, slopes = particle.NewBatch(size, l.Density.Prior.N, l.Density.Prior.D), particle.NewBatch(size, l.Density.Prior.N, l.Density.Prior.D)
	for to, from := range stats.Resample(l.feed.rng(streamDraws, k<<20+1), logW, size) {
		set, i := l.sets[from/l.Draws], from%l.Draws
		copy(x.At(to), set.x.At(i))
		b.Gradient(x.At(to), set.slopes.At(i), set.u[i], slopes.At(to))
	}
	return x, slopes
}

// move takes configurations and their ∇u_λ some MALA steps on, which leave p_λ as it is. The steps' length is adapted from
// rung to rung.
func (l *ladder) move(k int, lambda float64, x, slopes particle.Batch) (length, accepted float64, err error) {
	length = 0.1 * l.history.Spread
	if k > 0 {
		before := l.history.Rungs[k-1]
		length = before.Move * math.Exp(2*(before.Accepted-0.574)) // the best share (Roberts and Rosenthal 1998)
	}
	kernel, b := mcmc.MALA{H: length}, l.bridge(lambda)
	var count atomic.Int64
	failures := make([]error, x.Len())
	parallel.For(target.Concurrency(l.Target), x.Len(), func(i int) {
		rng := rand.New(rand.NewPCG(l.Settings.Seed^uint64(k+1)<<32, uint64(i)))
		state, err := kernel.Init(b, x.At(i))
		if err != nil {
			failures[i] = err
			return
		}
		for range l.Moves {
			count.Add(int64(kernel.Step(rng, state).Accepted))
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
	return length, float64(count.Load()) / float64(x.Len()*l.Moves), nil
}

func squareOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}
