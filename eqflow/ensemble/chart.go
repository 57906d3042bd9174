package ensemble

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/optimize"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// Chart makes the chart of a z-matrix from the energy alone: its hands are those of a structure x
// [n*3], its centres the minimum of the energy near x, and its spreads those of each coordinate
// alone (Spreads). It returns the number of energies that this takes.
func (c *Canonical) Chart(z zmatrix.ZMatrix, circles []zmatrix.Circle, x []float64) (zmatrix.Chart, int, error) {
	at, energies, err := c.relaxed(x)
	if err != nil {
		return zmatrix.Chart{}, energies, err
	}
	spreads, err := c.Spreads(z, at)
	if err != nil {
		return zmatrix.Chart{}, energies, err
	}
	chart, err := zmatrix.At(z, circles, at, spreads)
	return chart, energies + 2*z.Shapes(), err
}

// relaxedForce is the largest force, kT/nm, at a minimum: it would displace a bond by less than a
// hundredth of its spread.
const relaxedForce = 1.0

// relaxed returns the minimum of the energy near x, and the number of energies that it took.
func (c *Canonical) relaxed(x []float64) (minimum []float64, energies int, err error) {
	at := slices.Clone(x)
	energies = c.Settle(at)
	count := func(x, forces []float64) float64 {
		energies++
		return c.EnergyForces(x, forces)
	}
	problem := optimize.Problem{
		Func: func(x []float64) float64 { return count(x, nil) },
		Grad: func(slopes, x []float64) {
			count(x, slopes)
			floats.Scale(-1, slopes)
		},
	}
	settings := &optimize.Settings{
		GradientThreshold: relaxedForce, MajorIterations: 5000, Converger: optimize.NeverTerminate{},
	}
	result, failed := optimize.Minimize(problem, at, settings, &optimize.LBFGS{})
	if result == nil {
		return nil, energies, fmt.Errorf("ensemble: the structure cannot be relaxed: %w", failed)
	}
	forces := make([]float64, len(at))
	count(result.X, forces)
	if force := floats.Norm(forces, math.Inf(1)); !(force <= 10*relaxedForce) {
		return nil, energies, fmt.Errorf("ensemble: relaxing the structure stopped at a force of %.2g kT/nm (%v); "+
			"start from another configuration", force, failed)
	}
	particle.RemoveMean(result.X, 3)
	return result.X, energies, nil
}
