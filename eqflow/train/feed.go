package train

import (
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// feed makes what each step looks at. What a step gets depends on the seed and its number alone, so that a resumed run sees what
// an uninterrupted one would have.
type feed struct {
	Settings
	q            *density.Pushforward
	target       target.Target
	trajectories bool           // whether steps look at places on trajectories
	data         particle.Batch // means removed
	order        []int          // of the data in the current epoch
	epoch        int
	from         int // the step that the data are of since
	// slopes are ∇u of the data, and the stiffness their mean square a degree of freedom, where the regression uses forces.
	slopes    particle.Batch
	stiffness float64
	spread    float64 // of the wide normal, for EnergyMatching
}

func newFeed(m Subject, data particle.Batch, s Settings) *feed {
	f := &feed{Settings: s, q: m.Density, target: m.Target, trajectories: s.followsTrajectories(m.Flow)}
	data, slopes := data.Clone().RemoveMean(), particle.Batch{}
	if s.Forces {
		_, slopes = target.EnergiesGradients(m.Target, data)
	}
	f.learn(0, data, slopes)
	return f
}

// ends are the two ends of the flow.
func (f *feed) ends() ends { return ends{f.q.Prior, f.target} }

// learn takes data from a step on.
func (f *feed) learn(step int, data, slopes particle.Batch) {
	f.from, f.data, f.slopes, f.epoch, f.stiffness = step, data, slopes, -1, 0
	for _, v := range slopes.X {
		f.stiffness += v * v / float64(data.Len()*f.q.Prior.DegreesOfFreedom())
	}
}

// Streams of random numbers, each of its own within a seed.
const (
	streamShuffle = 1 << 40
	streamPrior   = 2 << 40
	streamAugment = 3 << 40
)

func (f *feed) rng(stream uint64, k int) *rand.Rand {
	return rand.New(rand.NewPCG(f.Seed, stream+uint64(k)))
}

// draw returns what a step's objective looks at.
func (f *feed) draw(step int) (in engine.Inputs, err error) {
	if f.data.Len() > 0 && f.Objective != Energy {
		in.X, in.Slopes = f.batch(step)
		in.Stiffness = f.stiffness
	}
	if f.needsPrior() {
		rng := f.rng(streamPrior, step)
		in.Z = f.q.Prior.Sample(rng, f.Batch)
		if f.Coupling == OptimalTransport {
			in.Z = particle.PairBatches(in.X, in.Z, target.RelabellingOf(f.target))
		}
		in.T = f.flowTimes(rng)
		if f.Objective == EnergyMatching {
			in.Probes, in.Spread = f.q.Prior.Sample(rng, f.Batch*f.Probes), f.spread
		}
	}
	if f.trajectories {
		return f.drawTrajectories(in)
	}
	return in, nil
}

// batch takes the next configurations of an endless sequence of shuffled epochs, and their slopes if there are any.
func (f *feed) batch(step int) (x, slopes particle.Batch) {
	x = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	if f.usesForces() {
		slopes = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	}
	for k := range f.Batch {
		at := (step-f.from)*f.Batch + k
		if epoch := at / f.data.Len(); epoch != f.epoch {
			f.epoch, f.order = epoch, f.rng(streamShuffle, f.from<<20+epoch).Perm(f.data.Len())
		}
		which := f.order[at%f.data.Len()]
		copy(x.At(k), f.data.At(which))
		if f.usesForces() {
			copy(slopes.At(k), f.slopes.At(which))
		}
	}
	if f.Augment {
		augment(f.rng(streamAugment, step), target.RelabellingOf(f.target), x, slopes)
	}
	return x, slopes
}

// augment turns or reflects every configuration at random, and relabels it as r allows, and its slopes, where there are any,
// alike.
func augment(rng *rand.Rand, r particle.Relabelling, x, slopes particle.Batch) {
	for i := range x.Len() {
		order, rotation := r.Random(rng, x.N), particle.RandomRotation(rng, x.D, true)
		for _, b := range []particle.Batch{x, slopes} {
			if b.Len() == 0 {
				continue
			}
			v := b.At(i)
			copy(v, particle.Relabel(v, b.D, order))
			particle.Rotate(v, rotation, b.D)
		}
	}
}

// focusSpread is the standard deviation of the logit of a time that is drawn about the focus.
const focusSpread = 0.8

// flowTimes draws the times of a step, stratified: evenly, or half of them so and the other half by a logit-normal distribution
// with Focus for its median (Esser et al., arXiv:2403.03206, who draw all so; here that was worse than none).
func (f *feed) flowTimes(rng *rand.Rand) []float64 {
	if f.Focus <= 0 {
		return stratified(rng, f.Batch)
	}
	even, about := stratified(rng, f.Batch-f.Batch/2), stratified(rng, f.Batch/2)
	middle := math.Log(f.Focus / (1 - f.Focus))
	for k, share := range about {
		z := math.Sqrt2 * math.Erfinv(2*share-1)
		about[k] = float64(float32(1 / (1 + math.Exp(-middle-focusSpread*z))))
	}
	return append(even, about...)
}

// stratified draws one time from each of size equal parts of [0, 1], in float32.
func stratified(rng *rand.Rand, size int) []float64 {
	t := make([]float64, size)
	for k := range t {
		t[k] = float64((float32(k) + rng.Float32()) / float32(size))
	}
	return t
}
