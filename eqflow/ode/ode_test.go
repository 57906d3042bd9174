package ode_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

func TestTableausAreExplicitMethods(t *testing.T) {
	for _, method := range ode.Tableaus {
		if err := method.Validate(); err != nil {
			t.Error(err)
		}
		sum, estimate := -1.0, 0.0
		for _, b := range method.B {
			sum += b
		}
		for _, e := range method.Error {
			estimate += e
		}
		if math.Abs(sum) > 1e-12 || math.Abs(estimate) > 1e-12 {
			t.Errorf("%s: weights sum to 1%+g, error weights to %g", method.Name, sum, estimate)
		}
	}
}

// dy/dt = y cos t has the solution y0 exp(sin t); halving the step divides the error by 2^order.
func TestOrderOfEveryMethod(t *testing.T) {
	backend := xlatest.OpenGo(t)
	for _, method := range ode.Tableaus {
		failure := func(steps int) float64 {
			out, err := CallOnce(backend.Backend, func(y *Node) *Node {
				rate := func(step, stage int, y *Node) (*Node, *Node) {
					at := 2 * (float64(step) + method.C[stage]) / float64(steps)
					k := MulScalar(y, math.Cos(at))
					return k, Reshape(k, 1)
				}
				sol := ode.Fixed(method, rate, y, 0, 2, steps)
				// dl/dt = dy/dt, so the integral must be the change of y.
				return Concatenate([]*Node{Reshape(sol.Y, 1), sol.Integral}, 0)
			}, [][]float64{{1.5}})
			if err != nil {
				t.Fatal(err)
			}
			got := out.Value().([]float64)
			if math.Abs(got[0]-1.5-got[1]) > 1e-12 {
				t.Errorf("%s: the integral is %g, y changed by %g", method.Name, got[1], got[0]-1.5)
			}
			return math.Abs(got[0] - 1.5*math.Exp(math.Sin(2)))
		}
		slope := math.Log2(failure(20) / failure(40))
		if math.Abs(slope-float64(method.Order)) > 0.35 {
			t.Errorf("%s: order %.2f, declared %d", method.Name, slope, method.Order)
		}
	}
}

func TestWrongTableausAreRefused(t *testing.T) {
	implicit, short, late := ode.RK4, ode.RK4, ode.RK4
	implicit.A = [][]float64{{}, {0.5}, {0, 0.5}, {0, 0, 0.5, 0.5}}
	short.C = []float64{0, 0.5, 0.5}
	late.C = []float64{0, 0.5, 0.6, 1}
	for _, bad := range []ode.Tableau{implicit, short, late, {}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if _, err := ode.ByName("rk5"); err == nil {
		t.Error("there is no rk5")
	}
	for _, method := range ode.Tableaus {
		if got, err := ode.ByName(method.Name); err != nil || got.Name != method.Name || got.Source == "" {
			t.Errorf("%s by name is %+v, %v", method.Name, got, err)
		}
	}
}
