package ode

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// Derivative writes dy/dt at the time t and the state y into all of k. It must not change y or keep
// a slice.
type Derivative func(t float64, y, k []float64) error

// Step makes one step of length h from the state y at the time t, in plain Go, and returns the new
// state. h may be negative.
//
// estimate is the estimated error of every component with its sign, h Σ_j Error[j] k_j; it is nil
// for a method without an estimate. An error of f ends the step and is returned as it is.
func Step(
	method Tableau, f Derivative, t float64, y []float64, h float64,
) (next, estimate []float64, err error) {
	s := newStages(method, f, len(y))
	if err := s.evaluate(y, h, func(c float64) float64 { return t + h*c }); err != nil {
		return nil, nil, err
	}
	next = slices.Clone(y)
	s.add(next, h, method.B)
	if method.Error != nil {
		estimate = make([]float64, len(y))
		s.add(estimate, h, method.Error)
	}
	return next, estimate, nil
}

// Solve moves y in place from t0 to t1 in equal steps, in plain Go. Its stages are at the times of
// StageTimes.
func Solve(method Tableau, f Derivative, y []float64, t0, t1 float64, steps int) error {
	h := (t1 - t0) / float64(steps)
	s := newStages(method, f, len(y))
	for i := range steps {
		if err := s.evaluate(y, h, func(c float64) float64 { return t0 + (float64(i)+c)*h }); err != nil {
			return err
		}
		s.add(y, h, method.B)
	}
	return nil
}

// Solve moves y in place from t0 to t1 in steps of a method with an error estimate, in plain Go.
// The error of a step is the largest of any component. It returns the number of accepted steps.
// After an error, y is the last accepted state.
func (a Adaptive) Solve(method Tableau, f Derivative, y []float64, t0, t1 float64) (steps int, err error) {
	if method.Error == nil {
		return 0, fmt.Errorf("ode: %s has no error estimate for adaptive steps; use dopri5", method.Name)
	}
	var next []float64
	return a.Drive(method.Order, t0, t1, func(t, h float64) (float64, error) {
		var estimate []float64
		if next, estimate, err = Step(method, f, t, y, h); err != nil {
			return 0, err
		}
		return floats.Norm(estimate, math.Inf(1)), nil
	}, func() { copy(y, next) })
}

// stages holds the stages of a step, for one step after another.
type stages struct {
	method Tableau
	f      Derivative
	y      []float64   // the state of the current stage
	ks     [][]float64 // the derivatives of all stages
}

func newStages(method Tableau, f Derivative, size int) *stages {
	s := &stages{method: method, f: f, y: make([]float64, size), ks: make([][]float64, method.Stages())}
	for j := range s.ks {
		s.ks[j] = make([]float64, size)
	}
	return s
}

// evaluate fills in the derivatives of a step from y. time turns a stage's share of the step into
// its time.
func (s *stages) evaluate(y []float64, h float64, time func(c float64) float64) error {
	for j, c := range s.method.C {
		copy(s.y, y)
		s.add(s.y, h, s.method.A[j])
		if err := s.f(time(c), s.y, s.ks[j]); err != nil {
			return err
		}
	}
	return nil
}

// add adds h Σ_j weights[j] k_j to a state, stage after stage.
func (s *stages) add(to []float64, h float64, weights []float64) {
	for j, w := range weights {
		if w != 0 {
			floats.AddScaled(to, h*w, s.ks[j])
		}
	}
}
