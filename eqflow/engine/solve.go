package engine

import (
	"slices"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Solve selects the part of the flow that a map follows, and the solver. Flow times run from 0
// (prior) to 1 (target).
type Solve struct {
	T0, T1 float64
	// Method and Steps replace the flow's own solver where they are set.
	Method ode.Tableau
	Steps  int
	// NoDensity omits the log-determinants where they cost time.
	NoDensity  bool
	Divergence Divergence
}

// ToTarget returns the whole flow from the prior to the target, with the solver at the given steps
// (0: as trained).
func ToTarget(steps int, d Divergence) Solve { return Solve{T1: 1, Steps: steps, Divergence: d} }

// ToPrior returns the whole flow from the target to the prior, with the solver at the given steps
// (0: as trained).
func ToPrior(steps int, d Divergence) Solve { return Solve{T0: 1, Steps: steps, Divergence: d} }

// isWhole reports whether the solve goes from one end to the other by the flow's own method.
func (s Solve) isWhole() bool {
	return s.Method.Stages() == 0 && (s.T0 == 0 && s.T1 == 1 || s.T0 == 1 && s.T1 == 0)
}

// withDefaults fills in the zero fields from a continuous flow.
func (s Solve) withDefaults(c flow.Continuous) Solve {
	if s.Method.Stages() == 0 {
		s.Method = c.Solver
	}
	if s.Steps == 0 {
		s.Steps = c.Steps
	}
	return s
}

// integrate solves the flow of a field on the host by equal steps of an explicit Runge–Kutta
// method. It is for parts of the flow, for which no graph is compiled.
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

// StateOf returns the initial state of a solve from configurations x [B, n, d]: the coordinates,
// followed by B integrals of the divergence, which are zero.
func StateOf(x particle.Batch) []float64 {
	return append(slices.Clone(x.X), make([]float64, x.Len())...)
}

// RateOf returns the derivative of StateOf(x) along the flow of a field. The divergence is exact
// where probes is nil, and otherwise estimated from the probes.
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

// forBlocks calls do for the configurations from … to of every block of the given size, and reports
// the progress.
func forBlocks(length, size int, progress Progress, do func(from, to int) error) error {
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
