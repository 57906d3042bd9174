package engine

import (
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Solve says which part of the flow a map follows, and how. Flow times run from 0 (prior) to 1 (target).
type Solve struct {
	T0, T1 float64
	// Method and Steps replace the flow's own solver, where they are set.
	Method ode.Tableau
	Steps  int
	// NoDensity leaves the log-determinants out, where they cost something.
	NoDensity  bool
	Divergence Divergence
}

// ToTarget is the whole flow, from the prior to the target, with the solver at the given steps (0: as trained).
func ToTarget(steps int, d Divergence) Solve { return Solve{T1: 1, Steps: steps, Divergence: d} }

// ToPrior is the whole flow, from the target to the prior, with the solver at the given steps (0: as trained).
func ToPrior(steps int, d Divergence) Solve { return Solve{T0: 1, Steps: steps, Divergence: d} }

// whole reports whether the solve goes from one end to the other by the flow's own method.
func (s Solve) whole() bool {
	return s.Method.Stages() == 0 && (s.T0 == 0 && s.T1 == 1 || s.T0 == 1 && s.T1 == 0)
}

// of fills the zero fields in from a continuous flow.
func (s Solve) of(c flow.Continuous) Solve {
	if s.Method.Stages() == 0 {
		s.Method = c.Solver
	}
	if s.Steps == 0 {
		s.Steps = c.Steps
	}
	return s
}

// integrate solves the flow of a field on the host by equal steps of an explicit Runge–Kutta method. It serves parts of the
// flow, for which no graph is compiled.
func integrate(field Field, x particle.Batch, s Solve) (Image, error) {
	y := StateOf(x)
	rate := RateOf(field, x, s.Divergence.Vectors(x))
	if s.NoDensity {
		rate = velocityOf(field, x)
	}
	if err := ode.Solve(s.Method, rate, y, s.T0, s.T1, s.Steps); err != nil {
		return Image{}, err
	}
	image := Image{X: asBatch(y[:len(x.X)], x), LogDet: y[len(x.X):]}
	if s.NoDensity {
		image.LogDet = nil
	}
	return image, nil
}

// StateOf is the state of a solve that begins at configurations x [B, n, d]: their coordinates, and B integrals of the
// divergence, which are zero.
func StateOf(x particle.Batch) []float64 {
	return append(slices.Clone(x.X), make([]float64, x.Len())...)
}

// RateOf is the derivative of StateOf(x) along the flow of a field, whose divergence the probes estimate (nil: exact).
func RateOf(field Field, x particle.Batch, probes Probes) ode.Derivative {
	width := len(x.X)
	return func(t float64, y, k []float64) error {
		v, div, err := field.Divergence(asBatch(y[:width], x), slices.Repeat([]float64{t}, x.Len()), probes)
		copy(k, v.X)
		copy(k[width:], div)
		return err
	}
}

// velocityOf is RateOf without the divergence.
func velocityOf(field Field, x particle.Batch) ode.Derivative {
	width := len(x.X)
	return func(t float64, y, k []float64) error {
		v, err := field.Velocity(asBatch(y[:width], x), slices.Repeat([]float64{t}, x.Len()))
		copy(k, v.X)
		clear(k[width:])
		return err
	}
}

// inBlocks does something to configurations from … to, block by block of the given size, and reports its progress.
func inBlocks(length, size int, progress Progress, do func(from, to int) error) error {
	for from := 0; from < length; from += size {
		to := min(from+size, length)
		if err := do(from, to); err != nil {
			return err
		}
		if progress == nil {
			continue
		}
		if err := progress(to); err != nil {
			return err
		}
	}
	return nil
}
