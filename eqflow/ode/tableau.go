// Package ode solves initial value problems inside GoMLX graphs: Runge–Kutta methods as tables, a
// fixed-step solve that is unrolled and differentiated by the graph, the same solve as two While
// loops with a hand-written adjoint, and the step-size control of an adaptive solve whose steps run
// one at a time.
package ode

import "fmt"

// Tableau is an explicit Runge–Kutta method as data.
//
// Stage j sits at time t + C[j]·h and state y + h Σ_m A[j][m] k_m; the step is y + h Σ_j B[j] k_j.
type Tableau struct {
	Name  string
	Order int
	A     [][]float64 // strictly lower triangular, row j has j entries
	B, C  []float64
	// Error holds B minus the weights of the embedded method, for an error estimate h Σ_j Error[j]
	// k_j; nil without one.
	Error []float64
	// Twins names two stages at the same time, whose disagreement grows with the step's error: the
	// stage penalty of training sums it. Equal entries mean that the method has none.
	Twins [2]int
	// Source is the publication that the numbers come from.
	Source string
}

// The methods by name.
var (
	Euler = Tableau{
		Name: "euler", Order: 1,
		A: [][]float64{{}}, B: []float64{1}, C: []float64{0},
		Source: "Euler 1768",
	}
	Midpoint = Tableau{
		Name: "midpoint", Order: 2,
		A: [][]float64{{}, {0.5}}, B: []float64{0, 1}, C: []float64{0, 0.5},
		Source: "Runge 1895",
	}
	RK4 = Tableau{
		Name: "rk4", Order: 4,
		A:      [][]float64{{}, {0.5}, {0, 0.5}, {0, 0, 1}},
		B:      []float64{1. / 6, 1. / 3, 1. / 3, 1. / 6},
		C:      []float64{0, 0.5, 0.5, 1},
		Twins:  [2]int{1, 2},
		Source: "Kutta 1901",
	}
	Dopri5 = Tableau{
		Name: "dopri5", Order: 5,
		A: [][]float64{
			{},
			{1. / 5},
			{3. / 40, 9. / 40},
			{44. / 45, -56. / 15, 32. / 9},
			{19372. / 6561, -25360. / 2187, 64448. / 6561, -212. / 729},
			{9017. / 3168, -355. / 33, 46732. / 5247, 49. / 176, -5103. / 18656},
			{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84},
		},
		B: []float64{35. / 384, 0, 500. / 1113, 125. / 192, -2187. / 6784, 11. / 84, 0},
		C: []float64{0, 1. / 5, 3. / 10, 4. / 5, 8. / 9, 1, 1},
		Error: []float64{
			35./384 - 5179./57600, 0, 500./1113 - 7571./16695, 125./192 - 393./640,
			-2187./6784 + 92097./339200, 11./84 - 187./2100, -1. / 40,
		},
		Twins:  [2]int{5, 6},
		Source: "Dormand and Prince, J. Comput. Appl. Math. 6 (1980) 19",
	}
)

// Tableaus lists the methods that ByName knows.
var Tableaus = []Tableau{Euler, Midpoint, RK4, Dopri5}

// ByName returns the method with the given name.
func ByName(name string) (Tableau, error) {
	for _, t := range Tableaus {
		if t.Name == name {
			return t, nil
		}
	}
	return Tableau{}, fmt.Errorf("ode: no method %q; use euler, midpoint, rk4 or dopri5", name)
}

// Stages is the number of evaluations of the right-hand side in a step.
func (t Tableau) Stages() int { return len(t.B) }

// HasTwins tells whether two stages share a time, so that their disagreement can be penalised.
func (t Tableau) HasTwins() bool { return t.Twins[0] != t.Twins[1] }

// Validate returns an error if the table is not an explicit method: wrong lengths, or rows that do
// not sum to C.
func (t Tableau) Validate() error {
	s := t.Stages()
	if s == 0 || len(t.A) != s || len(t.C) != s || (t.Error != nil && len(t.Error) != s) {
		return fmt.Errorf("ode: tableau %q has %d weights, %d rows and %d times; they must be as many", t.Name, s, len(t.A), len(t.C))
	}
	for j, row := range t.A {
		sum := -t.C[j]
		for _, a := range row {
			sum += a
		}
		if len(row) != j || sum > 1e-12 || sum < -1e-12 {
			return fmt.Errorf("ode: row %d of tableau %q must hold %d entries that sum to its time %g", j, t.Name, j, t.C[j])
		}
	}
	return nil
}

// StageTimes returns the times [steps] at which stage j is evaluated by a solve from t0 to t1 in
// equal steps.
func (t Tableau) StageTimes(j int, t0, t1 float64, steps int) []float64 {
	h := (t1 - t0) / float64(steps)
	times := make([]float64, steps)
	for i := range times {
		times[i] = t0 + (float64(i)+t.C[j])*h
	}
	return times
}
