package egnn

import (
	"runtime"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Solve is a flow between two times by equal steps of a Runge–Kutta method.
type Solve struct {
	Method ode.Tableau
	Steps  int
	T0, T1 float64
}

// Block is how many configurations at a time keep all cores busy, and come back while one still waits for them.
func Block() int { return 4 * lanes * runtime.GOMAXPROCS(0) }

// Rate returns the velocity at configurations and flow times, and its divergence, exact, if that is asked for.
func (f Field) Rate(x particle.Batch, t []float64, divergence bool) (v particle.Batch, div []float64) {
	var basis []float32
	if divergence {
		basis = f.basis()
	}
	v, div = particle.NewBatch(x.Len(), x.N, x.D), make([]float64, x.Len())
	f.inBlocks(x.Len(), func(from, to int) {
		f.rate(x.Slice(from, to).X, t[from:to], basis, v.Slice(from, to).X, div[from:to])
	})
	return v, div
}

// Apply maps configurations through the flow. logDet is log|det ∂image/∂x| on the mean-free subspace.
func (f Field) Apply(s Solve, x particle.Batch) (image particle.Batch, logDet []float64) {
	image, logDet = x.Clone(), make([]float64, x.Len())
	basis := f.basis()
	f.inBlocks(x.Len(), func(from, to int) { f.solve(s, basis, image.Slice(from, to).X, logDet[from:to]) })
	return image, logDet
}

// solve moves a block of configurations y in place, and adds to their logDet.
func (f Field) solve(s Solve, basis []float32, y, logDet []float64) {
	stages, h := s.Method.Stages(), (s.T1-s.T0)/float64(s.Steps)
	ks, ls := make([][]float64, stages), make([][]float64, stages)
	for j := range ks {
		ks[j], ls[j] = make([]float64, len(y)), make([]float64, len(logDet))
	}
	at, times := make([]float64, len(y)), make([]float64, len(logDet))
	for step := range s.Steps {
		for j := range ks {
			copy(at, y)
			for i, a := range s.Method.A[j] {
				addScaled(at, h*a, ks[i])
			}
			for i := range times {
				times[i] = s.T0 + h*(float64(step)+s.Method.C[j])
			}
			f.rate(at, times, basis, ks[j], ls[j])
		}
		for j, b := range s.Method.B {
			addScaled(y, h*b, ks[j])
			addScaled(logDet, h*b, ls[j])
		}
	}
}

func addScaled(to []float64, by float64, x []float64) {
	for i, v := range x {
		to[i] += by * v
	}
}

// inBlocks calls do for configurations from … to of every block that is computed side by side, on all cores.
func (f Field) inBlocks(size int, do func(from, to int)) {
	inParallel((size+lanes-1)/lanes, func(k int) { do(k*lanes, min(k*lanes+lanes, size)) })
}

// basis are the directions of the divergence, (n−1)·d rows [n·d].
func (f Field) basis() []float32 {
	columns := particle.MeanFreeBasis(f.N, f.D)
	out := make([]float32, 0, f.N*f.D*(f.N-1)*f.D)
	for k := range (f.N - 1) * f.D {
		for _, row := range columns {
			out = append(out, float32(row[k]))
		}
	}
	return out
}

// rate sets v, and div where there is a basis.
func (f Field) rate(x, t []float64, basis []float32, v, div []float64) {
	to, trace := make([]float32, len(x)), make([]float32, len(t))
	f.rateInC(float32s(x), f.times(t), basis, to, trace)
	for i, a := range to {
		v[i] = float64(a)
	}
	for i, a := range trace {
		div[i] = float64(a)
	}
}
