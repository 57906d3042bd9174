package egnn

import (
	"runtime"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Solve is a flow between two times by equal steps of a Runge–Kutta method.
type Solve struct {
	Method ode.Tableau
	Steps  int
	T0, T1 float64
}

// Images are mapped configurations with what a flow tells of the map.
type Images struct {
	X particle.Batch
	// Products are the integrals of u·(∂v/∂x)u over each path, for each of its vectors u: with the exact ones their sum is
	// log|det ∂X/∂input| on the mean-free subspace.
	Products [][]float64
}

// Block is how many configurations at a time keep all cores busy, and come back while one still waits for them.
func Block() int { return 4 * lanes * runtime.GOMAXPROCS(0) }

// Vectors are mean-free ones [count, n·d] of each configuration, whose products with the Jacobian make its divergence.
type Vectors [][]float32

// NoVectors are none for each of a number of configurations: for the velocity alone.
func NoVectors(size int) Vectors { return make(Vectors, size) }

// Apply maps configurations. Nil for vectors stands for an orthonormal basis, which gives the divergence exactly.
func (f Field) Apply(s Solve, x particle.Batch, vectors Vectors) Images {
	out := Images{x.Clone(), make([][]float64, x.Len())}
	f.withVectors(vectors, x.Len(), func(turned, vectors []float32, from, to int) {
		integrals := f.solve(s, turned, vectors, out.X.Slice(from, to).X)
		scatter(integrals, out.Products[from:to])
	})
	return out
}

// Rate returns the field at configurations and flow times, and u·(∂v/∂x)u for each configuration's vectors u. Nil for vectors stands for an
// orthonormal basis.
func (f Field) Rate(x particle.Batch, t []float64, vectors Vectors) (v particle.Batch, products [][]float64) {
	v, products = particle.NewBatch(x.Len(), x.N, x.D), make([][]float64, x.Len())
	f.withVectors(vectors, x.Len(), func(turned, vectors []float32, from, to int) {
		along := make([]float64, len(vectors)/(f.N*f.D))
		f.fieldAt(turned, x.Slice(from, to).X, t[from:to], vectors, v.Slice(from, to).X, along)
		scatter(along, products[from:to])
	})
	return v, products
}

// withVectors calls do for configurations from … to of every block that is computed side by side, on all cores, with the block's vectors as
// the lanes want them.
func (f Field) withVectors(vectors Vectors, size int, do func(turned, vectors []float32, from, to int)) {
	turned := f.turned()
	defer spareNumbers.Put(turned)
	var basis []float32
	if vectors == nil {
		basis = f.basis()
	}
	parallel.Each((size+lanes-1)/lanes, func(k int) {
		from, to := k*lanes, min(k*lanes+lanes, size)
		if vectors == nil {
			do(turned, basis, from, to)
		} else {
			do(turned, sideBySide(vectors[from:to]), from, to)
		}
	})
}

// scatter gives each configuration its own of what the lanes hold [count, lanes].
func scatter(all []float64, to [][]float64) {
	for lane := range to {
		for k := lane; k < len(all); k += lanes {
			to[lane] = append(to[lane], all[k])
		}
	}
}

// solve moves a block of configurations y in place, and returns the integrals of the products with the vectors [count, lanes].
func (f Field) solve(s Solve, turned, vectors []float32, y []float64) (integrals []float64) {
	size := len(y) / (f.N * f.D)
	products := len(vectors) / (f.N * f.D)
	integrals = make([]float64, products)
	stages, h := s.Method.Stages(), (s.T1-s.T0)/float64(s.Steps)
	ks, ls := make([][]float64, stages), make([][]float64, stages)
	for j := range ks {
		ks[j], ls[j] = make([]float64, len(y)), make([]float64, products)
	}
	at, times := make([]float64, len(y)), make([]float64, size)
	for step := range s.Steps {
		for j := range ks {
			copy(at, y)
			for i, a := range s.Method.A[j] {
				addScaled(at, h*a, ks[i])
			}
			for i := range times {
				times[i] = s.T0 + h*(float64(step)+s.Method.C[j])
			}
			f.fieldAt(turned, at, times, vectors, ks[j], ls[j])
		}
		for j, b := range s.Method.B {
			addScaled(y, h*b, ks[j])
			addScaled(integrals, h*b, ls[j])
		}
	}
	return integrals
}

func addScaled(to []float64, by float64, x []float64) {
	for i, v := range x {
		to[i] += by * v
	}
}

// basis is the orthonormal one of the mean-free subspace, the same for all lanes [(n−1)·d, n·d, lanes].
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

// sideBySide has the vectors [count·n·d] of up to as many configurations as there are lanes as the lanes want them.
func sideBySide(vectors Vectors) []float32 {
	out := make([]float32, len(vectors[0])*lanes)
	for lane, all := range vectors {
		for k, v := range all {
			out[k*lanes+lane] = v
		}
	}
	return out
}

// fieldAt sets v, and the products with the vectors [count, lanes].
func (f Field) fieldAt(turned []float32, x, t []float64, vectors []float32, v, products []float64) {
	to, along := make([]float32, len(x)), make([]float32, len(products))
	f.rate(turned, float32s(x), f.times(t), vectors, to, along)
	widen(v, to)
	widen(products, along)
}

func widen(to []float64, from []float32) {
	for i, v := range from {
		to[i] = float64(v)
	}
}

// Pull returns (∂v/∂x)ᵀ cotangents at configurations and flow times.
func (f Field) Pull(x, cotangents particle.Batch, t []float64) particle.Batch {
	out := particle.NewBatch(x.Len(), x.N, x.D)
	f.withVectors(NoVectors(x.Len()), x.Len(), func(turned, _ []float32, from, to int) {
		pulled := make([]float32, (to-from)*f.N*f.D)
		f.pull(turned, float32s(x.Slice(from, to).X), f.times(t[from:to]), float32s(cotangents.Slice(from, to).X), pulled)
		widen(out.Slice(from, to).X, pulled)
	})
	return out
}

// Divergence returns the exact divergence at configurations and flow times, and its gradient by the configurations.
func (f Field) Divergence(x particle.Batch, t []float64) (div []float64, gradient particle.Batch) {
	div, gradient = make([]float64, x.Len()), particle.NewBatch(x.Len(), x.N, x.D)
	f.withVectors(nil, x.Len(), func(turned, basis []float32, from, to int) {
		d, g := make([]float32, to-from), make([]float32, (to-from)*f.N*f.D)
		f.kick(turned, float32s(x.Slice(from, to).X), f.times(t[from:to]), basis, d, g)
		widen(div[from:to], d)
		widen(gradient.Slice(from, to).X, g)
	})
	return div, gradient
}
