package egnn

import (
	"runtime"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Images holds mapped configurations with their products.
type Images struct {
	X particle.Batch
	// Products are the integrals of u·(∂v/∂x)u over each trajectory, for each of its vectors u
	// [B][count]. With an orthonormal basis their sum is log|det ∂X/∂input| on the mean-free
	// subspace.
	Products [][]float64
}

// BlockSize returns a number of configurations that keeps all cores busy, and is small enough for
// progress to be reported often.
func BlockSize() int { return 4 * lanes * runtime.GOMAXPROCS(0) }

// Apply maps configurations from T0 to T1. Nil for vectors stands for an orthonormal basis, which
// gives the exact divergence.
func (f Field) Apply(s ode.Span, x particle.Batch, vectors Vectors) Images {
	out := Images{x.Clone(), make([][]float64, x.Len())}
	f.inBlocks(vectors, x.Len(), func(b block) {
		integrals := f.solve(s, b, b.of(out.X))
		scatter(integrals, out.Products[b.from:b.to])
	})
	return out
}

// solve moves a block of configurations y in place, and returns the integrals of the products with
// its vectors [count, lanes].
func (f Field) solve(s ode.Span, b block, y []float64) (integrals []float64) {
	width, stages := len(y), s.Method.Stages()
	solution := make([]float64, width+b.products)
	copy(solution, y)
	state, times := make([]float64, width), make([]float64, b.to-b.from)
	states, rates := make([][]float64, stages), make([][]float64, stages)
	for j := range stages {
		states[j], rates[j] = state, make([]float64, len(solution))
	}
	for step := range s.Steps {
		s.Method.Step(s.StepLength(), solution, states, rates, func(stage int, state, rate []float64) {
			for i := range times {
				times[i] = s.Time(step, stage)
			}
			f.blockRate(b, state, times, rate[:width], rate[width:])
		})
	}
	copy(y, solution)
	return solution[width:]
}
