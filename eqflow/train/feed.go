package train

import (
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Feed draws what each step of a training looks at. The draws of a step depend on the seed and on
// its number alone, so that a resumed training sees what an uninterrupted one would have seen.
type Feed struct {
	Ends
	Batch   int // configurations per step
	seed    uint64
	augment bool
	flow    flow.Config
	q       *density.Pushforward
	data    particle.Batch // means removed
	order   []int          // of the data in the current epoch
	epoch   int
	from    int // the step at which these data were taken
	// slopes are ∇u of the data, if anything needs them; the stiffness is their mean square a degree
	// of freedom.
	slopes    particle.Batch
	stiffness float64
	spread    float64 // of the wide normal distribution of a ladder
}

func newFeed(m Subject, data particle.Batch, s Settings) *Feed {
	f := &Feed{Ends: m.ends(), Batch: s.Batch, seed: s.Seed, augment: s.Augment, flow: m.Flow, q: m.Density}
	data, slopes := data.Clone().RemoveMean(), particle.Batch{}
	if o, ok := s.Objective.(interface{ ForcesAtData() bool }); ok && o.ForcesAtData() {
		_, slopes = target.EnergiesGradients(m.Target, data)
	}
	f.learn(0, data, slopes)
	return f
}

// learn takes data, and their ∇u if there are any, from a step on.
func (f *Feed) learn(step int, data, slopes particle.Batch) {
	f.from, f.data, f.slopes, f.epoch, f.stiffness = step, data, slopes, -1, 0
	for _, v := range slopes.X {
		f.stiffness += v * v / float64(data.Len()*f.Prior.DegreesOfFreedom())
	}
}

// Streams of random numbers, each of its own within a seed.
const (
	streamShuffle = 1 << 40
	streamPrior   = 2 << 40
	streamAugment = 3 << 40
	streamDraws   = 4 << 40 // of a ladder's rungs
)

func (f *Feed) rng(stream uint64, k int) *rand.Rand {
	return rand.New(rand.NewPCG(f.seed, stream+uint64(k)))
}

// PriorDraws are a step's draws from the prior [B, n, d]. The generator that drew them serves the
// step's further random numbers.
func (f *Feed) PriorDraws(step int) (z particle.Batch, rng *rand.Rand) {
	rng = f.rng(streamPrior, step)
	return f.Prior.Sample(rng, f.Batch), rng
}

// matching is what every regression of the field looks at: data, their slopes, and prior draws.
func (f *Feed) matching(step int) (in engine.Inputs, rng *rand.Rand) {
	in.X, in.Slopes = f.Data(step)
	in.Stiffness = f.stiffness
	in.Z, rng = f.PriorDraws(step)
	return in, rng
}

// Data are a step's configurations [B, n, d], and their ∇u if the feed has them: the next of an
// endless sequence of shuffled epochs.
func (f *Feed) Data(step int) (x, slopes particle.Batch) {
	x = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	if f.slopes.Len() > 0 {
		slopes = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	}
	for k := range f.Batch {
		at := (step-f.from)*f.Batch + k
		if epoch := at / f.data.Len(); epoch != f.epoch {
			f.epoch, f.order = epoch, f.rng(streamShuffle, f.from<<20+epoch).Perm(f.data.Len())
		}
		which := f.order[at%f.data.Len()]
		copy(x.At(k), f.data.At(which))
		if slopes.Len() > 0 {
			copy(slopes.At(k), f.slopes.At(which))
		}
	}
	if f.augment {
		augment(f.rng(streamAugment, step), target.RelabellingOf(f.Target), x, slopes)
	}
	return x, slopes
}

// augment rotates or reflects every configuration at random, relabels it as r allows, and moves its
// slopes, if there are any, in the same way.
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

// flowTimes draws the times of a step, stratified: evenly, or, with a focus, half of them evenly and
// half by a logit-normal distribution whose median is the focus (Esser et al., arXiv:2403.03206, who
// draw all times so; here that was worse than none).
func flowTimes(rng *rand.Rand, batch int, focus float64) []float64 {
	if focus <= 0 {
		return stratified(rng, batch)
	}
	even, about := stratified(rng, batch-batch/2), stratified(rng, batch/2)
	middle := math.Log(focus / (1 - focus))
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
