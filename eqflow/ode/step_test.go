package ode_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// growth is dy/dt = y cos t, whose solution is y0 exp(sin t).
func growth(t float64, y, k []float64) error {
	for i, v := range y {
		k[i] = v * math.Cos(t)
	}
	return nil
}

// Halving the step divides the error of a solve by 2^order. It divides the estimated error of a
// step by 2^order too: the embedded method of Dopri5 has one order less, and the error of a single
// step has one order more.
func TestOrderOfStepsInGo(t *testing.T) {
	for _, method := range ode.Tableaus {
		exact := 1.5 * math.Exp(math.Sin(2))
		failure := func(steps int) float64 {
			y := []float64{1.5}
			if err := ode.Solve(method, growth, y, 0, 2, steps); err != nil {
				t.Fatal(err)
			}
			return math.Abs(y[0] - exact)
		}
		if slope := math.Log2(failure(20) / failure(40)); math.Abs(slope-float64(method.Order)) > 0.35 {
			t.Errorf("%s: order %.2f, declared %d", method.Name, slope, method.Order)
		}
		estimate := func(h float64) float64 {
			_, estimated, err := ode.Step(method, growth, 0.3, []float64{1.5}, h)
			if err != nil {
				t.Fatal(err)
			}
			return math.Abs(estimated[0])
		}
		if method.Error == nil {
			continue
		}
		if slope := math.Log2(estimate(0.1) / estimate(0.05)); math.Abs(slope-float64(method.Order)) > 0.35 {
			t.Errorf("%s: the estimated error has order %.2f, want %d", method.Name, slope, method.Order)
		}
	}
}

// Single steps add up to the solve, and a step back undoes a step up to its error.
func TestStepsMakeTheSolve(t *testing.T) {
	const steps, h = 8, 0.25 // times are exact, so that the bits agree
	y := []float64{1.5, -0.5}
	all := slices.Clone(y)
	if err := ode.Solve(ode.RK4, growth, all, 0, steps*h, steps); err != nil {
		t.Fatal(err)
	}
	for i := range steps {
		next, estimate, err := ode.Step(ode.RK4, growth, float64(i)*h, y, h)
		if err != nil || estimate != nil {
			t.Fatalf("RK4 has no estimate: %v, %v", estimate, err)
		}
		back, _, _ := ode.Step(ode.RK4, growth, float64(i+1)*h, next, -h)
		if math.Abs(back[0]-y[0]) > 1e-3 {
			t.Errorf("step %d back ends at %g, want %g", i, back[0], y[0])
		}
		y = next
	}
	if !slices.Equal(y, all) {
		t.Errorf("steps end at %v, the solve at %v", y, all)
	}
}

// Step with RK4 is the classical method of textbooks, to the bit. The rate here is the displacement
// of a whole step.
func TestStepIsTheClassicalMethod(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	y := make([]float64, 50)
	for i := range y {
		y[i] = rng.NormFloat64()
	}
	move := func(c float64, y, k []float64) error {
		for i, v := range y {
			k[i] = 0.1 * math.Sin(v+c)
		}
		return nil
	}
	got, _, err := ode.Step(ode.RK4, move, 0, y, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range y {
		at := func(c, v float64) float64 { return 0.1 * math.Sin(v+c) }
		k1 := at(0, v)
		k2 := at(0.5, v+0.5*k1)
		k3 := at(0.5, v+0.5*k2)
		k4 := at(1, v+k3)
		want := v + 1./6*k1
		want += 1. / 3 * k2
		want += 1. / 3 * k3
		if want += 1. / 6 * k4; got[i] != want {
			t.Errorf("component %d is %.17g, want %.17g", i, got[i], want)
		}
	}
}

func TestAdaptiveSolve(t *testing.T) {
	y := []float64{1.5, 3}
	steps, err := ode.Adaptive{Tolerance: 1e-9}.Solve(ode.Dopri5, growth, y, 0, 2)
	exact := math.Exp(math.Sin(2))
	if err != nil || steps < 5 || math.Abs(y[0]-1.5*exact) > 1e-8 || math.Abs(y[1]-3*exact) > 1e-8 {
		t.Errorf("%v after %d steps, %v; want %g and %g", y, steps, err, 1.5*exact, 3*exact)
	}
	if _, err := (ode.Adaptive{}).Solve(ode.RK4, growth, y, 0, 2); err == nil {
		t.Error("RK4 has no estimate, but adapts its steps")
	}
	broken := errors.New("broken")
	fail := func(t float64, y, k []float64) error { return broken }
	if _, err := (ode.Adaptive{}).Solve(ode.Dopri5, fail, y, 0, 2); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
	if err := ode.Solve(ode.RK4, fail, y, 0, 2, 3); !errors.Is(err, broken) {
		t.Errorf("error is %v", err)
	}
}
