package ode

import (
	"fmt"
	"math"
)

// Adaptive chooses the steps of a solve from their estimated errors. Its steps run one at a time,
// outside the graph, so it serves evaluation, not training.
type Adaptive struct {
	Tolerance float64 // bound on a step's estimated error, absolute; default 1e-5, near float32's rounding
	MaxSteps  int     // tried steps; default 1000
}

// Validate returns an error if a setting is out of range.
func (a Adaptive) Validate() error {
	if !(a.Tolerance >= 0) || a.MaxSteps < 0 {
		return fmt.Errorf("ode: tolerance %g with at most %d steps; give positive ones, or 0 for the defaults", a.Tolerance, a.MaxSteps)
	}
	return nil
}

// WithDefaults fills the zero fields in.
func (a Adaptive) WithDefaults() Adaptive {
	if a.Tolerance == 0 {
		a.Tolerance = 1e-5
	}
	if a.MaxSteps == 0 {
		a.MaxSteps = 1000
	}
	return a
}

// Drive walks from t0 to t1. try makes a step from t of length h and returns its estimated error;
// accept keeps the step that was tried last. order is the method's. It returns the number of
// accepted steps. Steps grow and shrink by the usual rule, h·0.9·(tolerance/error)^(1/order)
// (Hairer, Nørsett and Wanner, Solving ODEs I, II.4).
func (a Adaptive) Drive(order int, t0, t1 float64, try func(t, h float64) (float64, error), accept func()) (steps int, err error) {
	if err := a.Validate(); err != nil {
		return 0, err
	}
	a = a.WithDefaults()
	t, h := t0, (t1-t0)/20
	arrived := func() bool { return math.Abs(t1-t) <= 1e-9*math.Abs(t1-t0) }
	for tried := 0; !arrived(); tried++ {
		if tried == a.MaxSteps {
			return steps, fmt.Errorf("ode: no end after %d steps at tolerance %g; give a larger one, or look at the field", tried, a.Tolerance)
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
		if fault <= a.Tolerance {
			accept()
			t += h
			steps++
		}
		h *= min(5, max(0.2, 0.9*math.Pow(a.Tolerance/max(fault, 1e-30), 1/float64(order))))
	}
	return steps, nil
}
