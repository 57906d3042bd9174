package ode

import (
	"fmt"
	"math"
)

// Adaptive chooses the steps of a solve from their estimated errors. Its steps run one at a time, outside the graph, so it
// serves evaluation, not training.
type Adaptive struct {
	Tolerance float64 // bound on a step's estimated error, absolute; default 1e-5, near float32's rounding
	MaxSteps  int     // tried steps; default 1000
}

// Drive walks from t0 to t1. try makes a step from t of length h and returns its estimated error; accept keeps the step
// that was tried last. order is the method's. It returns the number of accepted steps. Steps grow and shrink by the usual
// rule, h·0.9·(tolerance/error)^(1/order) (Hairer, Nørsett and Wanner, Solving ODEs I, II.4).
func (a Adaptive) Drive(order int, t0, t1 float64, try func(t, h float64) (float64, error), accept func()) (steps int, err error) {
	tolerance, most := a.Tolerance, a.MaxSteps
	if tolerance == 0 {
		tolerance = 1e-5
	}
	if most == 0 {
		most = 1000
	}
	t, h := t0, (t1-t0)/20
	for range most {
		if math.Abs(t1-t) < 1e-9*math.Abs(t1-t0) {
			return steps, nil
		}
		if math.Abs(h) > math.Abs(t1-t) {
			h = t1 - t
		}
		fault, err := try(t, h)
		if err != nil {
			return steps, err
		}
		if math.IsNaN(fault) {
			fault = math.Inf(1)
		}
		if fault <= tolerance {
			accept()
			t += h
			steps++
		}
		h *= min(5, max(0.2, 0.9*math.Pow(tolerance/max(fault, 1e-30), 1/float64(order))))
	}
	return steps, fmt.Errorf("ode: no end after %d steps at tolerance %g; give a larger one, or look at the field", most, tolerance)
}
