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
	s, next := newSolver(method, f, len(y)), slices.Clone(y)
	if err := s.step(h, next, func(stage int) float64 { return t + h*method.C[stage] }); err != nil {
		return nil, nil, err
	}
	if method.Error != nil {
		estimate = make([]float64, len(y))
		addWeighted(estimate, h, method.Error, s.rates)
	}
	return next, estimate, nil
}

// Solve moves y in place from t0 to t1 in equal steps, in plain Go. Its stages are at the times of
// StageTimes. After an error of f, y is not a state.
func Solve(method Tableau, f Derivative, y []float64, t0, t1 float64, steps int) error {
	span := Span{Method: method, Steps: steps, T0: t0, T1: t1}
	s := newSolver(method, f, len(y))
	for i := range steps {
		if err := s.step(span.StepLength(), y, func(stage int) float64 { return span.Time(i, stage) }); err != nil {
			return err
		}
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

// solver holds the arrays of Tableau.Step, for one step after another.
type solver struct {
	method        Tableau
	f             Derivative
	states, rates [][]float64 // by stage; all stages share the array of the state
}

func newSolver(method Tableau, f Derivative, size int) *solver {
	s := &solver{method: method, f: f, states: slices.Repeat([][]float64{make([]float64, size)}, method.Stages())}
	for range method.Stages() {
		s.rates = append(s.rates, make([]float64, size))
	}
	return s
}

// step advances y by one step of length h. time is the time of a stage.
func (s *solver) step(h float64, y []float64, time func(stage int) float64) (err error) {
	s.method.Step(h, y, s.states, s.rates, func(stage int, state, k []float64) {
		if err == nil {
			err = s.f(time(stage), state, k)
		}
	})
	return err
}
