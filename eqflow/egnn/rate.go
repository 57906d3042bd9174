package egnn

import (
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Vectors holds mean-free vectors u of each configuration [B][count·n·d], for products u·(∂v/∂x)u.
type Vectors [][]float32

// NoVectors returns no vectors for each of B configurations. The velocity is computed alone.
func NoVectors(size int) Vectors { return make(Vectors, size) }

// Rate returns the velocity v of the field at configurations x and flow times t [B], and the
// products u·(∂v/∂x)u [B][count] for the vectors u of each configuration. Nil for vectors stands
// for an orthonormal basis of the mean-free subspace, whose products sum to the divergence.
func (f Field) Rate(x particle.Batch, t []float64, vectors Vectors) (v particle.Batch, products [][]float64) {
	v, products = particle.NewBatch(x.Len(), x.N, x.D), make([][]float64, x.Len())
	f.inBlocks(vectors, x.Len(), func(b block) {
		along := make([]float64, b.products)
		f.blockRate(b, b.of(x), t[b.from:b.to], b.of(v), along)
		scatter(along, products[b.from:b.to])
	})
	return v, products
}

// Pull returns (∂v/∂x)ᵀ cotangents at configurations x and flow times t [B].
func (f Field) Pull(x, cotangents particle.Batch, t []float64) particle.Batch {
	out := particle.NewBatch(x.Len(), x.N, x.D)
	f.inBlocks(NoVectors(x.Len()), x.Len(), func(b block) {
		pulled := make([]float32, (b.to-b.from)*f.N*f.D)
		f.pull(f.inputs(b, b.of(x), t[b.from:b.to]), float32s(b.of(cotangents)), pulled)
		widen(b.of(out), pulled)
	})
	return out
}

// Divergence returns the exact divergence [B] at configurations x and flow times t [B], and its
// gradient by the configurations.
func (f Field) Divergence(x particle.Batch, t []float64) (div []float64, gradient particle.Batch) {
	div, gradient = make([]float64, x.Len()), particle.NewBatch(x.Len(), x.N, x.D)
	f.inBlocks(nil, x.Len(), func(b block) {
		d, g := make([]float32, b.to-b.from), make([]float32, (b.to-b.from)*f.N*f.D)
		f.divergence(f.inputs(b, b.of(x), t[b.from:b.to]), b.vectors, d, g)
		widen(div[b.from:b.to], d)
		widen(b.of(gradient), g)
	})
	return div, gradient
}

// lanes is the number of configurations that C computes side by side. A block with fewer takes as
// long.
const lanes = 8

// block stands for configurations from … to − 1 of a batch, at most as many as there are lanes.
type block struct {
	from, to   int
	transposed []float32
	vectors    []float32 // [count, n·d, lanes]
	products   int       // their number, count·lanes
}

// of returns the block's coordinates in a batch.
func (b block) of(x particle.Batch) []float64 { return x.Slice(b.from, b.to).X }

// inBlocks calls do for the blocks of a batch, on all cores.
func (f Field) inBlocks(vectors Vectors, size int, do func(b block)) {
	transposed := f.transposed()
	defer spareNumbers.Put(transposed)
	var basis []float32
	if vectors == nil {
		basis = f.basis()
	}
	parallel.Each((size+lanes-1)/lanes, func(k int) {
		b := block{from: k * lanes, to: min(k*lanes+lanes, size), transposed: transposed, vectors: basis}
		if vectors != nil {
			b.vectors = interleave(vectors[b.from:b.to])
		}
		b.products = len(b.vectors) / (f.N * f.D)
		do(b)
	})
}

// inputs returns the arguments that every call of C takes.
func (f Field) inputs(b block, x, t []float64) inputs {
	return inputs{b.transposed, float32s(x), f.timeFeatures(t)}
}

// blockRate sets the velocities v of a block and the products with its vectors [count, lanes].
func (f Field) blockRate(b block, x, t, v, products []float64) {
	to, along := make([]float32, len(x)), make([]float32, len(products))
	f.rate(f.inputs(b, x, t), b.vectors, to, along)
	widen(v, to)
	widen(products, along)
}

// basis returns an orthonormal basis of the mean-free subspace, the same in all lanes [(n−1)·d,
// n·d, lanes].
func (f Field) basis() (out []float32) {
	columns := particle.MeanFreeBasis(f.N, f.D)
	for k := range (f.N - 1) * f.D {
		for _, row := range columns {
			for range lanes {
				out = append(out, float32(row[k]))
			}
		}
	}
	return out
}

// interleave returns the vectors of up to as many configurations as there are lanes, the
// configurations innermost [count·n·d, lanes].
func interleave(vectors Vectors) []float32 {
	out := make([]float32, len(vectors[0])*lanes)
	for lane, all := range vectors {
		for k, v := range all {
			out[k*lanes+lane] = v
		}
	}
	return out
}

// scatter appends to each configuration its lane of all [count, lanes].
func scatter(all []float64, to [][]float64) {
	for lane := range to {
		for k := lane; k < len(all); k += lanes {
			to[lane] = append(to[lane], all[k])
		}
	}
}

func widen(to []float64, from []float32) {
	for i, v := range from {
		to[i] = float64(v)
	}
}
