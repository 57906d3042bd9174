package ode_test

import (
	"math"
	"testing"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// solveCosine solves dy/dt = y·cos t with the integral ∫ y dt at its side, and returns both at
// the end.
func solveCosine(s ode.Span) (end, integral float64) {
	y := []float64{1, 0}
	states, rates := make([][]float64, s.Method.Stages()), make([][]float64, s.Method.Stages())
	state := make([]float64, 1) // shared: nobody needs the states
	for j := range states {
		states[j], rates[j] = state, make([]float64, 2)
	}
	for step := range s.Steps {
		s.Method.Step(s.StepLength(), y, states, rates, func(stage int, state, k []float64) {
			k[0], k[1] = state[0]*math.Cos(s.Time(step, stage)), state[0]
		})
	}
	return y[0], y[1]
}

// The error of a step in plain Go falls with the method's order, there and back; exp(sin t) is
// exact.
func TestStepHasItsOrder(t *testing.T) {
	for _, m := range ode.Tableaus {
		fault := func(steps int) float64 {
			end, _ := solveCosine(ode.Span{Method: m, Steps: steps, T1: 1})
			return math.Abs(end - math.Exp(math.Sin(1)))
		}
		if order := math.Log2(fault(8) / fault(16)); !(order > float64(m.Order)-0.5) {
			t.Errorf("%s: order %.2f, want %d", m.Name, order, m.Order)
		}
	}
	back, _ := solveCosine(ode.Span{Method: ode.RK4, Steps: 100, T0: 1})
	if e := math.Abs(back - math.Exp(-math.Sin(1))); !(e < 1e-9) {
		t.Errorf("backwards the solve is off by %.2g", e)
	}
}

// The integral at the side of the state is ∫ exp(sin t) dt from 0 to 1.
func TestStepCarriesIntegrals(t *testing.T) {
	sum, n := 0.0, 1000
	for i := range n { // the midpoint rule is off by 1e-7
		sum += math.Exp(math.Sin((float64(i)+0.5)/float64(n))) / float64(n)
	}
	_, integral := solveCosine(ode.Span{Method: ode.RK4, Steps: 100, T1: 1})
	if e := math.Abs(integral - sum); !(e < 1e-6) {
		t.Errorf("the integral is %.9f, want %.9f", integral, sum)
	}
}
