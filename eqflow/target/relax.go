package target

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"gonum.org/v1/gonum/optimize"
)

const (
	// steepForce is the largest force component, in kT per length, from which a quasi-Newton line search is safe.
	steepForce = 100.0
	// steepSteps and steepMove bound the descent out of overlaps: moves per coordinate, in units of length.
	steepSteps = 500
	steepMove  = 0.05
	// settledForce is the largest force component that still counts as a minimum.
	settledForce = 1e-4
)

// Relax follows the energy downhill from x [n*d] and returns the local minimum, mean-free, with its energy.
//
// Overlapping particles are first moved apart by short bounded steps. An error says that no minimum was reached.
func Relax(t Target, x []float64) (minimum []float64, u float64, err error) {
	at := append([]float64(nil), x...)
	particle.RemoveMean(at, t.Dim())
	leaveOverlaps(t, at)
	problem := optimize.Problem{
		Func: func(x []float64) float64 { return t.EnergyForces(x, nil) },
		Grad: func(grad, x []float64) {
			t.EnergyForces(x, grad)
			for k := range grad {
				grad[k] = -grad[k]
			}
		},
	}
	settings := &optimize.Settings{GradientThreshold: settledForce / 100, MajorIterations: 2000, Converger: optimize.NeverTerminate{}}
	// A line search that can improve no further ends in an error near every minimum: the force decides below.
	result, minimizeErr := optimize.Minimize(problem, at, settings, &optimize.BFGS{})
	if result != nil {
		copy(at, result.X)
	}
	forces := make([]float64, len(at))
	u = t.EnergyForces(at, forces)
	if force := largest(forces); !(force < settledForce) {
		return nil, u, fmt.Errorf("target: relaxing %s stopped at a force of %.2g kT per length (%v); start from another configuration",
			t.Name(), force, minimizeErr)
	}
	particle.RemoveMean(at, t.Dim())
	return at, u, nil
}

// leaveOverlaps moves x down the forces, by at most steepMove per coordinate and step, until none is steep.
func leaveOverlaps(t Target, x []float64) {
	forces := make([]float64, len(x))
	for range steepSteps {
		t.EnergyForces(x, forces)
		force := largest(forces)
		if force < steepForce {
			return
		}
		for k := range x {
			x[k] += steepMove * forces[k] / force
		}
	}
}

func largest(v []float64) float64 {
	m := 0.0
	for _, value := range v {
		if a := math.Abs(value); a > m || math.IsNaN(a) {
			m = a
		}
	}
	return m
}
