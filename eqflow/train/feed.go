package train

import (
	"math"
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/gomlx/gomlx/ml/model"
)

// Feed draws the inputs of each training step. The draws of a step depend only on the seed and on
// the step's number, so that a resumed training sees the same inputs as an uninterrupted one.
type Feed struct {
	Ends
	Batch   int // configurations per step
	seed    uint64
	augment bool
	steps   int // of the whole training
	flow    flow.Config
	q       *density.Pushforward
	explore *model.Exec    // of a flow.Conditional; nil until it is needed
	data    particle.Batch // means removed
	order   []int          // a permutation of the data, for the current epoch
	epoch   int
	first   int // the step from which the data are in use
	// slopes are ∇u at the data where an objective needs them. The stiffness is the mean of ∇u² per
	// degree of freedom.
	slopes    particle.Batch
	stiffness float64
	spread    float64 // width of the normal distribution at the ladder's foot
}

func newFeed(m Subject, data particle.Batch, s Settings) *Feed {
	f := &Feed{
		Ends: m.ends(), Batch: s.Batch, seed: s.Seed, augment: s.Augment, steps: s.Steps, flow: m.Flow, q: m.Density,
	}
	data, slopes := data.Clone().RemoveMean(), particle.Batch{}
	if o, ok := s.Objective.(interface{ ForcesAtData() bool }); ok && o.ForcesAtData() {
		_, slopes = target.EnergiesGradients(m.Target, data)
	}
	f.setData(0, data, slopes)
	return f
}

// setData sets the data, and ∇u at the data if there are any, from a step on.
func (f *Feed) setData(step int, data, slopes particle.Batch) {
	f.first, f.data, f.slopes, f.epoch, f.stiffness = step, data, slopes, -1, 0
	for _, v := range slopes.X {
		f.stiffness += v * v / float64(data.Len()*f.Prior.DegreesOfFreedom())
	}
}

// The streams of random numbers. Each is independent of the others within a seed.
const (
	streamShuffle = 1 << 40
	streamPrior   = 2 << 40
	streamAugment = 3 << 40
	streamDraws   = 4 << 40 // the draws of a ladder's rungs
)

func (f *Feed) rng(stream uint64, k int) *rand.Rand {
	return rand.New(rand.NewPCG(f.seed, stream+uint64(k)))
}

// PriorDraws returns a step's draws from the prior [B, n, d], and the generator that drew them. The
// generator also serves the step's other random numbers.
func (f *Feed) PriorDraws(step int) (z particle.Batch, rng *rand.Rand) {
	rng = f.rng(streamPrior, step)
	return f.Prior.Sample(rng, f.Batch), rng
}

// matching returns the inputs of any regression of the field: data, ∇u at the data, and prior
// draws.
func (f *Feed) matching(step int) (in engine.Inputs, rng *rand.Rand) {
	in.X, in.Slopes = f.Data(step)
	in.Stiffness = f.stiffness
	in.Z, rng = f.PriorDraws(step)
	return in, rng
}

// Data returns a step's configurations [B, n, d], and ∇u at them if the feed has the slopes. The
// configurations are the next ones of an endless sequence of shuffled epochs.
func (f *Feed) Data(step int) (x, slopes particle.Batch) {
	x = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	if f.slopes.Len() > 0 {
		slopes = particle.NewBatch(f.Batch, f.data.N, f.data.D)
	}
	for k := range f.Batch {
		position := (step-f.first)*f.Batch + k
		if epoch := position / f.data.Len(); epoch != f.epoch {
			f.epoch, f.order = epoch, f.rng(streamShuffle, f.first<<20+epoch).Perm(f.data.Len())
		}
		i := f.order[position%f.data.Len()]
		copy(x.At(k), f.data.At(i))
		if slopes.Len() > 0 {
			copy(slopes.At(k), f.slopes.At(i))
		}
	}
	if f.augment {
		augment(f.rng(streamAugment, step), target.RelabellingOf(f.Target), x, slopes)
	}
	return x, slopes
}

// augment rotates or reflects every configuration at random and relabels it as r allows. It moves
// the configuration's slopes, if there are any, in the same way.
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

// focusSpread is the standard deviation of logit(t) for the times t that are drawn near the focus.
const focusSpread = 0.8

// flowTimes draws the times of a step, stratified. Without a focus they are uniform. With a focus
// half of them are uniform, and half follow a logit-normal distribution whose median is the focus.
// Esser et al. (arXiv:2403.03206) draw all times from that distribution; here that was worse than
// no focus.
func flowTimes(rng *rand.Rand, batch int, focus float64) []float64 {
	if focus <= 0 {
		return stratified(rng, batch)
	}
	uniform, focused := stratified(rng, batch-batch/2), stratified(rng, batch/2)
	median := math.Log(focus / (1 - focus)) // of logit(t)
	for k, share := range focused {
		z := math.Sqrt2 * math.Erfinv(2*share-1)
		focused[k] = float64(float32(1 / (1 + math.Exp(-median-focusSpread*z))))
	}
	return append(uniform, focused...)
}

// stratified draws one time from each of size equal parts of [0, 1], in float32.
func stratified(rng *rand.Rand, size int) []float64 {
	t := make([]float64, size)
	for k := range t {
		t[k] = float64((float32(k) + rng.Float32()) / float32(size))
	}
	return t
}
