package ode_test

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// One step of the pendulum x″ = −sin x, with an estimate of its error.
func ExampleStep() {
	pendulum := func(t float64, y, k []float64) error {
		k[0], k[1] = y[1], -math.Sin(y[0])
		return nil
	}
	next, estimate, err := ode.Step(ode.Dopri5, pendulum, 0, []float64{1, 0}, 0.1)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("angle %.6f, speed %.6f, error below 1e-7: %t\n", next[0], next[1], math.Abs(estimate[0]) < 1e-7)
	// Output:
	// angle 0.995795, speed -0.084071, error below 1e-7: true
}

// heun is a method of one's own: a table, and one line that makes its name known to flows and
// files.
var heun = ode.Tableau{
	Name: "heun", Order: 2,
	A: [][]float64{{}, {1}}, B: []float64{0.5, 0.5}, C: []float64{0, 1},
	Source: "Heun 1900",
}

func init() { ode.Tableaus = append(ode.Tableaus, heun) }

// Halving the step of a method of order two divides the error of the solution by four.
func ExampleTableau() {
	method, err := ode.ByName("heun")
	if err != nil {
		fmt.Println(err)
		return
	}
	decay := func(t float64, y, k []float64) error { k[0] = -y[0]; return nil }
	for _, steps := range []int{10, 20, 40} {
		y := []float64{1}
		if err := ode.Solve(method, decay, y, 0, 1, steps); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d steps: error %.1e\n", steps, y[0]-math.Exp(-1))
	}
	fmt.Println(method.Validate())
	// Output:
	// 10 steps: error 6.6e-04
	// 20 steps: error 1.6e-04
	// 40 steps: error 3.9e-05
	// <nil>
}

// An adaptive solve takes short steps where the solution changes fast.
func ExampleAdaptive() {
	rate := func(t float64, y, k []float64) error {
		k[0] = y[0] * math.Exp(-math.Pow((t-0.5)/0.1, 2))
		return nil
	}
	y := []float64{1}
	_, err := ode.Adaptive{Tolerance: 1e-8}.Solve(ode.Dopri5, rate, y, 0, 1)
	fmt.Printf("%.6f, exact %.6f, %v\n", y[0], math.Exp(0.1*math.SqrtPi), err)
	// Output:
	// 1.193924, exact 1.193924, <nil>
}
