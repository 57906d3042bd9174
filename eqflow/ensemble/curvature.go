package ensemble

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
)

// curvatureStep is the displacement by which curvatures are taken, in nm of bonds and rad of
// angles.
const curvatureStep = 1e-4

// Spreads returns the thermal spread of each bond, angle and dihedral angle at a configuration x
// [n*3], in nm and rad: 1/√(∂²u/∂q²) with all other coordinates fixed, [3n−6]. It is +Inf
// where the energy does not bend upwards. A spread of data is larger, since the others move too.
func (c *Canonical) Spreads(z zmatrix.ZMatrix, x []float64) ([]float64, error) {
	in, err := z.Encode(particle.Batch{X: x, N: c.Particles(), D: 3})
	if err != nil {
		return nil, err
	}
	shapes, width := z.Shapes(), z.Coordinates()
	var q []float64 // each coordinate above and below its value
	for k := range shapes {
		for _, step := range []float64{curvatureStep, -curvatureStep} {
			q = append(q, in.Q...)
			q[len(q)-width+k] += step
		}
	}
	moved, _, err := z.Decode(q)
	if err != nil {
		return nil, err
	}
	_, gradients := target.EnergiesGradients(c, moved)
	slopes := z.Pull(q, gradients)
	out := make([]float64, shapes)
	for k := range out {
		above, below := slopes[2*k*shapes+k], slopes[(2*k+1)*shapes+k]
		if out[k] = 1 / math.Sqrt((above-below)/(2*curvatureStep)); math.IsNaN(out[k]) {
			out[k] = math.Inf(1)
		}
	}
	return out, nil
}
