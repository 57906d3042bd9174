package eqflow

import (
	"math/rand/v2"

	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// feed makes each step's inputs. What a step gets depends on the seed and its number alone, so that a resumed run sees what
// an uninterrupted one would have.
type feed struct {
	Settings
	model *Model
	data  particle.Batch // means removed
	order []int          // of the data in the current epoch
	epoch int
}

func newFeed(m *Model, data particle.Batch, s Settings) *feed {
	return &feed{Settings: s, model: m, data: data.Clone().RemoveMean(), epoch: -1}
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

// inputs returns data x, prior draws z, times t, the learning rate and the average's decay of a step. What the objective does not use is one
// number, for the graph's parameters to be filled.
func (f *feed) inputs(step int) []any {
	none := func() *tensors.Tensor { return tensors.FromFlatDataAndDimensions([]float32{0}, 1) }
	x, z, t := none(), none(), none()
	var data particle.Batch
	if f.needsData() {
		data = f.batch(step)
		x = f.tensor(data)
	}
	if f.needsPrior() {
		rng := f.rng(streamPrior, step)
		draws := f.model.Prior.Sample(rng, f.Batch)
		if f.Coupling == OptimalTransport {
			draws = particle.Couple(data, draws, target.RelabellingOf(f.model.Target))
		}
		z = f.tensor(draws)
		t = stratified(rng, f.Batch)
	}
	return []any{x, z, t, float32(f.rate(step)), float32(f.decay(step))}
}

// batch takes the next configurations of an endless sequence of shuffled epochs.
func (f *feed) batch(step int) particle.Batch {
	out := particle.NewBatch(f.Batch, f.data.N, f.data.D)
	for k := range f.Batch {
		at := step*f.Batch + k
		if epoch := at / f.data.Len(); epoch != f.epoch {
			f.epoch, f.order = epoch, f.rng(streamShuffle, epoch).Perm(f.data.Len())
		}
		copy(out.At(k), f.data.At(f.order[at%f.data.Len()]))
	}
	if f.Augment {
		augment(f.rng(streamAugment, step), out, target.RelabellingOf(f.model.Target))
	}
	return out
}

// augment turns or reflects every configuration at random, and relabels it as r allows.
func augment(rng *rand.Rand, b particle.Batch, r particle.Relabelling) {
	for i := range b.Len() {
		x := b.At(i)
		copy(x, particle.Relabel(x, b.D, r.Random(rng, b.N)))
		particle.Rotate(x, particle.RandomRotation(rng, b.D, true), b.D)
	}
}

// stratified draws one time from each of size equal parts of [0, 1].
func stratified(rng *rand.Rand, size int) *tensors.Tensor {
	t := make([]float32, size)
	for k := range t {
		t[k] = (float32(k) + rng.Float32()) / float32(size)
	}
	return tensors.FromFlatDataAndDimensions(t, size)
}

func (f *feed) tensor(b particle.Batch) *tensors.Tensor {
	flat := make([]float32, len(b.X))
	for i, v := range b.X {
		flat[i] = float32(v)
	}
	return tensors.FromFlatDataAndDimensions(flat, b.Len(), b.N, b.D)
}
