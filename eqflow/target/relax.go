package target

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

const (
	// steepForce is the largest force component, in kT per length, at which a quasi-Newton line
	// search is safe.
	steepForce = 100.0
	// steepSteps and steepMove bound the descent out of overlaps: the steps, and the displacement
	// of a coordinate in one step, in units of length.
	steepSteps = 500
	steepMove  = 0.05
	// mostDense bounds the coordinates of a quasi-Newton method with a dense matrix, whose memory
	// grows with the square of their number.
	mostDense = 600
	// settledForce is the largest force component at a minimum, in kT per length.
	settledForce = 1e-4
)

// Relax minimises the energy from x [n*d] and returns the local minimum, mean-free, with its
// energy.
//
// Short bounded steps first separate overlapping particles. It returns an error if it reaches no
// minimum.
func Relax(t Target, x []float64) (minimum []float64, u float64, err error) {
	at := append([]float64(nil), x...)
	particle.RemoveMean(at, t.Dim())
	leaveOverlaps(t, at)
	problem := optimize.Problem{
		Func: func(x []float64) float64 { return t.EnergyForces(x, nil) },
		Grad: func(grad, x []float64) {
			t.EnergyForces(x, grad)
			negate(grad)
		},
	}
	settings := &optimize.Settings{
		GradientThreshold: settledForce / 100, MajorIterations: 2000, Converger: optimize.NeverTerminate{},
	}
	// The line search ends in an error near every minimum, where it cannot improve further. The
	// force decides instead.
	var method optimize.Method = &optimize.BFGS{}
	if len(at) > mostDense {
		method = &optimize.LBFGS{}
	}
	result, minimizeErr := optimize.Minimize(problem, at, settings, method)
	if result != nil {
		copy(at, result.X)
	}
	forces := make([]float64, len(at))
	u = t.EnergyForces(at, forces)
	if force := largestForce(forces); !(force < settledForce) {
		return nil, u, fmt.Errorf(
			"target: relaxing %s stopped at a force of %.2g kT per length (%v); start from another configuration",
			t.Name(), force, minimizeErr)
	}
	particle.RemoveMean(at, t.Dim())
	return at, u, nil
}

// leaveOverlaps moves x along the forces, by at most steepMove per coordinate and step, until no
// force is steep.
func leaveOverlaps(t Target, x []float64) {
	forces := make([]float64, len(x))
	for range steepSteps {
		t.EnergyForces(x, forces)
		force := largestForce(forces)
		if force < steepForce {
			return
		}
		for k := range x {
			x[k] += steepMove * forces[k] / force
		}
	}
}

// largestForce is the largest absolute component, NaN if there is one.
func largestForce(forces []float64) float64 { return floats.Norm(forces, math.Inf(1)) }
