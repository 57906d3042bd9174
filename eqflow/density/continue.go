package density

import (
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Continue is Forward for configurations whose first images are known from an earlier call with the
// same configurations and steps, which the watch ended. The images are the same bytes as those of
// one call. If the watch ends this call too, Continue returns the images so far beside the error.
func (q *Pushforward) Continue(known Image, z particle.Batch, steps int) (Image, error) {
	if err := q.checkShape(z); err != nil {
		return Image{}, err
	}
	from := q.blockBefore(known.X.Len(), z.Len())
	progress, done := q.progress("the flow", z.Len()), 0
	rest := z.Slice(from, z.Len())
	image, err := q.engine.Map(rest, engine.ToTarget(steps, q.divergence), func(n int) error {
		done = n
		return progress(from + n)
	})
	if err != nil {
		rest = rest.Slice(0, done)
	}
	return known.first(from).with(q.images(rest, image)), err
}

// blockBefore returns where to continue a map of length configurations of which some are done: at a
// block's beginning, with the block size of the whole map. Another size would give other roundings.
func (q *Pushforward) blockBefore(done, length int) int {
	devices := max(1, q.flow.Devices)
	block := func(length int) int {
		return q.engine.Block((length+devices-1)/devices, q.divergence.Probes) * devices
	}
	size := block(length)
	from := done / size * size
	for from > 0 && block(length-from) != size {
		from -= size
	}
	return from
}

// images returns the log-densities of the first images, of configurations z.
func (q *Pushforward) images(z particle.Batch, image engine.Image) Image {
	if z.Len() == 0 {
		return Image{}
	}
	out := Image{X: image.X.Slice(0, z.Len()), LogQ: image.LogDet[:z.Len()]}
	if image.LogDetError != nil {
		out.LogQError = image.LogDetError[:z.Len()]
	}
	z = z.Clone().RemoveMean()
	for i, logDet := range out.LogQ {
		out.LogQ[i] = q.Prior.LogDensity(z.At(i)) - logDet
	}
	return out
}

// first returns the first n images.
func (i Image) first(n int) Image {
	if n == 0 {
		return Image{}
	}
	out := Image{X: i.X.Slice(0, n), LogQ: i.LogQ[:n]}
	if i.LogQError != nil {
		out.LogQError = i.LogQError[:n]
	}
	return out
}

// with returns the images with further images behind them.
func (i Image) with(more Image) Image {
	switch {
	case i.X.Len() == 0:
		return more
	case more.X.Len() == 0:
		return i
	}
	i.X.X = slices.Concat(i.X.X, more.X.X)
	i.LogQ, i.LogQError = slices.Concat(i.LogQ, more.LogQ), slices.Concat(i.LogQError, more.LogQError)
	return i
}
