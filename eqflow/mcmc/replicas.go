package mcmc

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Replicas is replica exchange with Hamiltonian Monte Carlo, for a target that evaluates many
// configurations together. Each of several independent ladders has a replica on every rung. In a
// round, every replica follows a trajectory of the leapfrog method, and then neighbours on
// alternate pairs of rungs exchange their configurations. Exact energies decide both; the forces
// along a trajectory may be a target's Rough ones, which leaves the distribution exact.
type Replicas struct {
	Ladders int       // default 32
	Betas   []float64 // inverse temperatures, from 1 down; default 1 alone
	Start   particle.Batch
	// Masses [n] are those of the kinetic energy ½ Σ m v². They change the path, not the
	// distribution. Nil: all 1.
	Masses []float64
	// TimeStep is that of the leapfrog method, in units of length·√mass. Each trajectory
	// multiplies it by a number between 0.85 and 1.15.
	TimeStep float64
	// Adapt changes the time step during the burn-in, towards an acceptance of 0.8 over all rungs.
	Adapt       bool
	Least, Most int // leapfrog steps of a trajectory; default 20 and 60
	Burn        int // rounds before the first kept configuration
	Keep        int // configurations to keep of each ladder
	Thin        int // rounds from one kept configuration to the next; default 1
	Seed        uint64
	// Observe returns the variables of a configuration, Variables numbers. It is called for all
	// replicas whenever configurations are kept; many goroutines call it at once.
	Observe   func(x []float64, u float64) []float64
	Variables int
	// Progress, if not nil, receives the rounds done and the rounds to do.
	Progress func(done, total int)
	// Save, if not nil, is called after each round with the run. Its error ends the run.
	Save func(r *ReplicaRun) error
}

func (m Replicas) withDefaults() Replicas {
	m.Ladders, m.Thin = cmp.Or(m.Ladders, 32), cmp.Or(m.Thin, 1)
	m.Least = cmp.Or(m.Least, 20)
	m.Most = cmp.Or(m.Most, 3*m.Least)
	if m.Betas == nil {
		m.Betas = []float64{1}
	}
	return m
}

// Rounds is the number of rounds of a complete run.
func (m Replicas) Rounds() int { return m.Burn + m.Keep*max(1, m.Thin) }

// Validate returns an error if the settings make no run.
func (m Replicas) Validate(t target.Target) error {
	m = m.withDefaults()
	if err := validateScale("the time step", m.TimeStep); err != nil {
		return err
	}
	switch {
	case m.Ladders < 1 || m.Burn < 0 || m.Keep < 1 || m.Thin < 1 || m.Least < 1 || m.Most < m.Least:
		return fmt.Errorf("mcmc: %d ladders, burn %d, keep %d, thin %d, %d to %d steps; give positive numbers",
			m.Ladders, m.Burn, m.Keep, m.Thin, m.Least, m.Most)
	case m.Adapt && m.Burn == 0:
		return errors.New("mcmc: the time step cannot be adapted without a burn-in; give Burn")
	case m.Start.N != t.Particles() || m.Start.D != t.Dim() || m.Start.Len() == 0:
		return fmt.Errorf("mcmc: the starts have %d particles in %d dimensions, and %s has %d in %d; give its "+
			"configurations", m.Start.N, m.Start.D, t.Name(), t.Particles(), t.Dim())
	case m.Masses != nil && len(m.Masses) != t.Particles():
		return fmt.Errorf("mcmc: %d masses for %d particles; give one for each", len(m.Masses), t.Particles())
	}
	if len(m.Betas) == 1 && m.Betas[0] == 1 {
		return nil
	}
	return Tempering{Move: Metropolis{Sigma: 1}, Betas: m.Betas}.Validate()
}

// ReplicaRun is the state and the results of a run. Replica k of ladder l has the number
// l·rungs + k; rung 0 is the coldest.
type ReplicaRun struct {
	Ladders, Rungs int
	Round          int            // rounds done
	Kept           int            // configurations kept of each ladder
	X              particle.Batch // [ladders·rungs, n, d], the current configurations, mean-free
	U              []float64      // [ladders·rungs], their energies, kT of rung 0
	TimeStep       float64        // as adapted
	// Samples are the kept configurations of rung 0 [keep, ladders, n, d], Energies those of all
	// rungs [keep, ladders, rungs], in kT of rung 0, and Values the variables [keep, ladders,
	// rungs, Variables].
	Samples          particle.Batch
	Energies, Values []float64
	// Accepted [rungs] counts since the burn-in, of Trajectories per rung. Exchanged [rungs−1]
	// counts since then too, of Attempts [rungs−1] per pair.
	Accepted, Exchanged, Attempts []int64
	Trajectories                  int64
	// RoundTrips counts the ways of configurations from rung 0 to the hottest and back, since the
	// burn-in.
	RoundTrips  int64
	Evaluations int64   // of energies or forces, burn-in included
	walker      []int64 // [ladders·rungs], 1 since a visit of rung 0, 2 since one of the hottest after it
}

// Acceptance returns the accepted share of the trajectories of a rung.
func (r *ReplicaRun) Acceptance(rung int) float64 {
	return float64(r.Accepted[rung]) / math.Max(1, float64(r.Trajectories))
}

// Exchange returns the accepted share of the exchanges of rungs k and k+1.
func (r *ReplicaRun) Exchange(k int) float64 {
	return float64(r.Exchanged[k]) / math.Max(1, float64(r.Attempts[k]))
}

// LadderSamples returns the kept configurations, those of ladder 0 first, each in order of time.
func (r *ReplicaRun) LadderSamples() particle.Batch {
	var order []int
	for l := range r.Ladders {
		for k := range r.Kept {
			order = append(order, k*r.Ladders+l)
		}
	}
	return r.Samples.Select(order)
}

// Series returns, for each ladder, what value returns of its kept configurations in order of time.
func (r *ReplicaRun) Series(value func(k, ladder int) float64) [][]float64 {
	out := make([][]float64, r.Ladders)
	for l := range out {
		for k := range r.Kept {
			out[l] = append(out[l], value(k, l))
		}
	}
	return out
}

// Run continues a run, or begins one where r is nil. The same seed gives the same bytes on any
// number of cores, and a run that was continued ends with those of one that was not interrupted.
// When ctx ends, it returns the run so far together with ctx's error.
func (m Replicas) Run(ctx context.Context, t target.Target, r *ReplicaRun) (*ReplicaRun, error) {
	m = m.withDefaults()
	if err := m.Validate(t); err != nil {
		return nil, err
	}
	if r == nil {
		var err error
		if r, err = m.begin(t); err != nil {
			return nil, err
		}
	}
	for r.Round < m.Rounds() {
		if ctx.Err() != nil {
			return r, fmt.Errorf("mcmc: stopped with %d of %d configurations kept: %w",
				r.Kept*r.Ladders, m.Keep*m.Ladders, ctx.Err())
		}
		m.round(t, r)
		if m.Progress != nil {
			m.Progress(r.Round, m.Rounds())
		}
		if m.Save != nil {
			if err := m.Save(r); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// begin places the starts on the ladders, one start on each in turn.
func (m Replicas) begin(t target.Target) (*ReplicaRun, error) {
	rungs := len(m.Betas)
	r := &ReplicaRun{
		Ladders: m.Ladders, Rungs: rungs, TimeStep: m.TimeStep,
		X: particle.NewBatch(m.Ladders*rungs, t.Particles(), t.Dim()), U: make([]float64, m.Ladders*rungs),
		Samples: particle.Batch{N: t.Particles(), D: t.Dim()}, walker: make([]int64, m.Ladders*rungs),
		Accepted: make([]int64, rungs), Exchanged: make([]int64, max(0, rungs-1)),
		Attempts: make([]int64, max(0, rungs-1)),
	}
	for i := range r.U {
		copy(r.X.At(i), m.Start.At(i/rungs%m.Start.Len()))
	}
	r.X.RemoveMean()
	copy(r.U, target.Energies(t, r.X))
	for i, u := range r.U {
		if math.IsNaN(u) || math.IsInf(u, 0) {
			return nil, fmt.Errorf("mcmc: start %d (from 0) has no finite energy of %s; start elsewhere",
				i/rungs%m.Start.Len(), t.Name())
		}
	}
	return r, nil
}

// replicaBlock is the number of replicas that move together, whatever the processor: trajectories
// of a block have one length.
const replicaBlock = 16

// The streams of random numbers.
const (
	streamTrajectory uint64 = iota
	streamLength
	streamExchange
)

// generator returns the random numbers of a stream in a round, which depend on nothing else.
func (m Replicas) generator(stream uint64, number, round int) *rand.Rand {
	var key [32]byte
	for k, v := range []uint64{m.Seed, stream, uint64(number), uint64(round)} {
		binary.LittleEndian.PutUint64(key[8*k:], v)
	}
	return rand.New(rand.NewChaCha8(key))
}

// round moves and exchanges all replicas once.
func (m Replicas) round(t target.Target, r *ReplicaRun) {
	size := len(r.U)
	accepted := make([]bool, size)
	lengths := make([]int64, (size+replicaBlock-1)/replicaBlock)
	parallel.For(target.Concurrency(t), len(lengths), func(b int) {
		from, to := b*replicaBlock, min(size, (b+1)*replicaBlock)
		lengths[b] = int64(m.move(t, r, from, to, accepted)) * int64(to-from)
	})
	for _, n := range lengths {
		r.Evaluations += n
	}
	burnt := r.Round >= m.Burn
	if m.Adapt && !burnt {
		r.adapt(accepted)
	}
	m.exchange(r, burnt)
	r.Round++
	if !burnt {
		return
	}
	r.Trajectories += int64(r.Ladders)
	for i, ok := range accepted {
		if ok {
			r.Accepted[i%r.Rungs]++
		}
	}
	if (r.Round-m.Burn)%m.Thin == 0 {
		m.keep(t, r)
	}
}

// replicaAcceptance is the acceptance that the time step is adapted to.
const replicaAcceptance = 0.8

// adapt changes the logarithm of the time step with decreasing gains.
func (r *ReplicaRun) adapt(accepted []bool) {
	count := 0
	for _, ok := range accepted {
		if ok {
			count++
		}
	}
	share := float64(count) / float64(len(accepted))
	r.TimeStep *= math.Exp((share - replicaAcceptance) / (1 + float64(r.Round)/10))
}

// exchange tries to exchange alternate neighbours on every ladder, and follows the walkers.
func (m Replicas) exchange(r *ReplicaRun, burnt bool) {
	for l := range r.Ladders {
		rng := m.generator(streamExchange, l, r.Round)
		for k := r.Round % 2; k+1 < r.Rungs; k += 2 {
			a, b := l*r.Rungs+k, l*r.Rungs+k+1
			if burnt {
				r.Attempts[k]++
			}
			if !((m.Betas[k+1]-m.Betas[k])*(r.U[a]-r.U[b]) <= rng.ExpFloat64()) {
				continue
			}
			x, y := r.X.At(a), r.X.At(b)
			for c := range x {
				x[c], y[c] = y[c], x[c]
			}
			r.U[a], r.U[b] = r.U[b], r.U[a]
			r.walker[a], r.walker[b] = r.walker[b], r.walker[a]
			if burnt {
				r.Exchanged[k]++
			}
		}
		r.follow(l, burnt)
	}
}

// follow notes which ends of a ladder the walkers there have seen.
func (r *ReplicaRun) follow(ladder int, burnt bool) {
	cold, hot := &r.walker[ladder*r.Rungs], &r.walker[(ladder+1)*r.Rungs-1]
	if r.Rungs < 2 {
		return
	}
	if *cold == 2 && burnt {
		r.RoundTrips++
	}
	*cold = 1
	if *hot == 1 {
		*hot = 2
	}
}

// keep stores the configurations of rung 0, and the energies and variables of all rungs.
func (m Replicas) keep(t target.Target, r *ReplicaRun) {
	for l := range r.Ladders {
		r.Samples.X = append(r.Samples.X, r.X.At(l*r.Rungs)...)
	}
	r.Energies = append(r.Energies, r.U...)
	r.Kept++
	if m.Observe == nil {
		return
	}
	values := make([]float64, len(r.U)*m.Variables)
	parallel.For(target.Concurrency(t), len(r.U), func(i int) {
		copy(values[i*m.Variables:(i+1)*m.Variables], m.Observe(r.X.At(i), r.U[i]))
	})
	r.Values = append(r.Values, values...)
}
