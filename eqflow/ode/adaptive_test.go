package ode_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// pulse solves dy/dt = y·f(t) with Dopri5, for a narrow pulse f. It returns the end, whose exact
// value is the exponential of the integral of f, and the accepted steps.
func pulse(t *testing.T, control ode.Adaptive, t0, t1 float64) (end float64, steps []float64) {
	t.Helper()
	rate := func(at float64, y, k []float64) error {
		k[0] = y[0] * math.Exp(-math.Pow((at-0.5)/0.1, 2))
		return nil
	}
	end = 1
	var next, length float64
	count, err := control.Drive(ode.Dopri5.Order, t0, t1, func(at, h float64) (float64, error) {
		y, estimate, err := ode.Step(ode.Dopri5, rate, at, []float64{end}, h)
		if err != nil {
			return 0, err
		}
		next, length = y[0], h
		return math.Abs(estimate[0]), nil
	}, func() { end, steps = next, append(steps, length) })
	if err != nil {
		t.Fatal(err)
	}
	if count != len(steps) {
		t.Errorf("%d steps reported, %d accepted", count, len(steps))
	}
	return end, steps
}

// The integral of the pulse is 0.1 √π, up to tails of 1e-13.
func TestAdaptiveKeepsItsTolerance(t *testing.T) {
	exact := math.Exp(0.1 * math.SqrtPi)
	last := 0
	for _, tolerance := range []float64{1e-4, 1e-7, 1e-10} {
		end, steps := pulse(t, ode.Adaptive{Tolerance: tolerance}, 0, 1)
		if e := math.Abs(end - exact); !(e < 10*tolerance) {
			t.Errorf("tolerance %g: error %g in %d steps", tolerance, e, len(steps))
		}
		shortest, longest, sum := math.Inf(1), 0.0, 0.0
		for _, h := range steps {
			shortest, longest, sum = min(shortest, h), max(longest, h), sum+h
		}
		if len(steps) < last || longest < 2*shortest || math.Abs(sum-1) > 1e-8 {
			t.Errorf("tolerance %g: %d steps of %g to %g that sum to %g", tolerance, len(steps), shortest, longest, sum)
		}
		last = len(steps)
	}
	if back, _ := pulse(t, ode.Adaptive{Tolerance: 1e-8}, 1, 0); math.Abs(back*exact-1) > 1e-7 {
		t.Errorf("backwards the solve ends at %g, want %g", back, 1/exact)
	}
}

// A step with the error NaN is tried again, shorter. The last allowed step may reach the end.
func TestAdaptiveTriesAgain(t *testing.T) {
	tried := 0
	steps, err := ode.Adaptive{}.Drive(5, 0, 1, func(at, h float64) (float64, error) {
		tried++
		if h > 0.02 {
			return math.NaN(), nil
		}
		return 5e-6, nil
	}, func() {})
	if err != nil || tried <= steps || steps < 50 {
		t.Errorf("%d steps in %d tries: %v", steps, tried, err)
	}
	if steps, err := (ode.Adaptive{MaxSteps: 20, Tolerance: 1}).Drive(1, 0, 1, func(at, h float64) (float64, error) {
		return 0.9, nil
	}, func() {}); err != nil || steps != 20 {
		t.Errorf("twenty steps of a twentieth: %d, %v", steps, err)
	}
}

func TestAdaptiveGivesUp(t *testing.T) {
	large := func(at, h float64) (float64, error) { return 1, nil }
	_, err := ode.Adaptive{MaxSteps: 7}.Drive(5, 0, 1, large, func() { t.Error("accepted") })
	if err == nil || !strings.Contains(err.Error(), "7 steps") || !strings.Contains(err.Error(), "larger") {
		t.Errorf("error is %v", err)
	}
	broken := errors.New("broken")
	fail := func(at, h float64) (float64, error) { return 0, broken }
	if _, err := (ode.Adaptive{}).Drive(5, 0, 1, fail, nil); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	for _, bad := range []ode.Adaptive{{Tolerance: -1}, {MaxSteps: -1}, {Tolerance: math.NaN()}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}
