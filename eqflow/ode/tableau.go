package ode

import (
	"fmt"
	"strings"
)

// Tableau is an explicit Runge–Kutta method as data.
//
// Stage j has the time t + C[j]·h and the state y + h Σ_m A[j][m] k_m. The step ends at y + h Σ_j
// B[j] k_j.
type Tableau struct {
	Name  string
	Order int
	A     [][]float64 // strictly lower triangular: row j has j entries
	B, C  []float64
	// Error is B minus the weights of the embedded method: h Σ_j Error[j] k_j estimates the error
	// of a step. It is nil for a method without an estimate.
	Error []float64
	// Twins are two stages at the same time. Their disagreement grows with the error of the step,
	// and the stage penalty of training is its sum over steps. Equal entries mean that the method
	// has no twins.
	Twins [2]int
	// Source is the publication of the numbers.
	Source string
}

// The methods of the package.
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

// Tableaus lists the methods that ByName knows. An init function can append a method of one's own.
var Tableaus = []Tableau{Euler, Midpoint, RK4, Dopri5}

// ByName returns the method with the given name.
func ByName(name string) (Tableau, error) {
	var known []string
	for _, t := range Tableaus {
		if t.Name == name {
			return t, nil
		}
		known = append(known, t.Name)
	}
	return Tableau{}, fmt.Errorf("ode: unknown method %q; give one of %s", name, strings.Join(known, ", "))
}

// Stages is the number of evaluations of the right-hand side in a step.
func (t Tableau) Stages() int { return len(t.B) }

// HasTwins reports whether two stages share a time, so that their disagreement can be penalised.
func (t Tableau) HasTwins() bool { return t.Twins[0] != t.Twins[1] }

// Validate returns an error if the table is not an explicit method: wrong lengths, or a row that
// does not sum to its time.
func (t Tableau) Validate() error {
	s := t.Stages()
	if s == 0 || len(t.A) != s || len(t.C) != s || (t.Error != nil && len(t.Error) != s) {
		return fmt.Errorf("ode: tableau %q has %d weights, %d rows and %d times; give one of each per stage",
			t.Name, s, len(t.A), len(t.C))
	}
	for j, row := range t.A {
		sum := -t.C[j]
		for _, a := range row {
			sum += a
		}
		if len(row) != j || sum > 1e-12 || sum < -1e-12 {
			return fmt.Errorf("ode: row %d of tableau %q is wrong; give %d entries that sum to its time %g",
				j, t.Name, j, t.C[j])
		}
	}
	return nil
}

// StageTimes returns the times [steps] of stage j in a solve from t0 to t1 in equal steps.
func (t Tableau) StageTimes(j int, t0, t1 float64, steps int) []float64 {
	h := (t1 - t0) / float64(steps)
	times := make([]float64, steps)
	for i := range times {
		times[i] = t0 + (float64(i)+t.C[j])*h
	}
	return times
}
