package ode

// Span is a solve in plain Go from flow time T0 to T1, in Steps equal steps of Method.
type Span struct {
	Method Tableau
	Steps  int
	T0, T1 float64
}

// StepLength returns the length of a step, (T1 − T0)/Steps, negative where time runs backwards.
func (s Span) StepLength() float64 { return (s.T1 - s.T0) / float64(s.Steps) }

// Time returns the flow time of a stage of a step.
func (s Span) Time(step, stage int) float64 {
	return s.T0 + (float64(step)+s.Method.C[stage])*s.StepLength()
}

// Step advances y in place by one step of length h. rate sets k to the derivative of y at the state
// of a stage.
//
// states and rates hold an array for each stage. Step fills them with the stages' states y + h Σ_m
// A[j][m] k_m and their derivatives k_j, so that a caller can form h Σ_j Error[j] k_j or
// differentiate the step. A state may be shorter than y: the numbers of y beyond it are integrals,
// on which the derivative does not depend. States that nobody needs after the step may share an
// array. A stage of weight zero is skipped, so that it adds no NaN.
func (t Tableau) Step(h float64, y []float64, states, rates [][]float64, rate func(stage int, state, k []float64)) {
	for j, weights := range t.A {
		copy(states[j], y)
		addWeighted(states[j], h, weights, rates)
		rate(j, states[j], rates[j])
	}
	addWeighted(y, h, t.B, rates)
}

// addWeighted adds h Σ_j weights[j] k_j to y, which may be shorter than the k_j.
func addWeighted(y []float64, h float64, weights []float64, k [][]float64) {
	for j, weight := range weights {
		if weight == 0 {
			continue
		}
		factor, k := h*weight, k[j][:len(y)]
		for i := range y {
			y[i] += factor * k[i]
		}
	}
}
