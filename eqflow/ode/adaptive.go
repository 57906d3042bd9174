package ode

import (
	"cmp"
	"fmt"
	"math"
)

// Adaptive chooses the lengths of steps from their estimated errors. The steps run one at a time,
// outside the graph, so it is for evaluation, not for training.
type Adaptive struct {
	Tolerance float64 // bound on the estimated error of a step, absolute; default 1e-5, near float32's rounding
	MaxSteps  int     // accepted and rejected steps together; default 1000
}

// Validate returns an error if a setting is out of range.
func (a Adaptive) Validate() error {
	if !(a.Tolerance >= 0) || a.MaxSteps < 0 {
		return fmt.Errorf("ode: tolerance %g with at most %d steps; give positive numbers, or 0 for the defaults",
			a.Tolerance, a.MaxSteps)
	}
	return nil
}

// WithDefaults returns the settings with defaults in place of zeros.
func (a Adaptive) WithDefaults() Adaptive {
	return Adaptive{Tolerance: cmp.Or(a.Tolerance, 1e-5), MaxSteps: cmp.Or(a.MaxSteps, 1000)}
}

// Drive goes from t0 to t1 in steps of a method of the given order, and returns the number of
// accepted steps. try makes a step of length h from t and returns its estimated error; accept makes
// the last tried step the new state. The next length is h·0.9·(tolerance/error)^(1/order) (Hairer,
// Nørsett and Wanner, Solving ODEs I, II.4), at least h/5 and at most 5h. A step with the error NaN
// is rejected.
func (a Adaptive) Drive(
	order int, t0, t1 float64, try func(t, h float64) (float64, error), accept func(),
) (steps int, err error) {
	if err := a.Validate(); err != nil {
		return 0, err
	}
	a = a.WithDefaults()
	t, h := t0, (t1-t0)/20
	arrived := func() bool { return math.Abs(t1-t) <= 1e-9*math.Abs(t1-t0) }
	for tried := 0; !arrived(); tried++ {
		if tried == a.MaxSteps {
			return steps, fmt.Errorf(
				"ode: the solve did not end after %d steps at tolerance %g; give a larger one, or look at the field",
				tried, a.Tolerance)
		}
		if math.Abs(h) > math.Abs(t1-t) {
			h = t1 - t
		}
		estimate, err := try(t, h)
		if err != nil {
			return steps, err
		}
		if math.IsNaN(estimate) {
			estimate = math.Inf(1)
		}
		if estimate <= a.Tolerance {
			accept()
			t += h
			steps++
		}
		h *= min(5, max(0.2, 0.9*math.Pow(a.Tolerance/max(estimate, 1e-30), 1/float64(order))))
	}
	return steps, nil
}
