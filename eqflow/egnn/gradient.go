package egnn

import (
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// maxParts is the largest number of parts of a batch, each with a gradient of its own. It does not
// depend on the number of cores, so that the sum does not either.
const maxParts = 8

// Match returns ⟨|v(x, t) − want|²⟩ over a batch, in squared units of velocity, and its gradient by
// the parameters.
func (f Field) Match(x, want particle.Batch, t []float64) (loss float64, gradient []float32) {
	size, wanted, losses := float64(x.Len()), float32s(want.X), [maxParts]float64{}
	gradient = f.sumOverParts(x, t, func(p part, gradient []float32) {
		losses[p.index] = f.match(p.inputs, wanted[p.from:p.to], 1/float32(size), gradient) / size
	})
	for _, l := range losses {
		loss += l
	}
	return loss, gradient
}

// PullParameters returns the gradient of Σ cotangents·v(x, t) over a batch by the parameters.
func (f Field) PullParameters(x, cotangents particle.Batch, t []float64) []float32 {
	given := float32s(cotangents.X)
	return f.sumOverParts(x, t, func(p part, gradient []float32) {
		f.pullParameters(p.inputs, given[p.from:p.to], gradient)
	})
}

// part is a part of a batch: elements from … to − 1 of its configurations' coordinates.
type part struct {
	index, from, to int
	inputs
}

// sumOverParts returns the sum of the gradients of all parts of a batch. add adds to the gradient
// of one part.
func (f Field) sumOverParts(x particle.Batch, t []float64, add func(p part, gradient []float32)) []float32 {
	size, width, features := x.Len(), f.N*f.D, 1+f.Harmonics
	places, times, transposed := float32s(x.X), f.timeFeatures(t), f.transposed()
	blocks := (size + lanes - 1) / lanes
	gradients := make([][]float32, min(blocks, maxParts))
	parallel.Each(len(gradients), func(k int) {
		from, to := k*blocks/len(gradients)*lanes, min((k+1)*blocks/len(gradients)*lanes, size)
		gradients[k] = spareNumbers.Get(len(f.Parameters))
		clear(gradients[k])
		in := inputs{transposed, places[from*width : to*width], times[from*features : to*features]}
		add(part{k, from * width, to * width, in}, gradients[k])
	})
	sum := make([]float32, len(f.Parameters))
	for _, g := range gradients {
		for i, v := range g {
			sum[i] += v
		}
		spareNumbers.Put(g)
	}
	spareNumbers.Put(transposed)
	return sum
}
