package train

import (
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// bridge is u_λ, between a mean-free normal and a target (see Rung). On the way, λ < 1, the target's energy grows by its
// logarithm beyond the cut, so that overlaps do not decide everything.
type bridge struct {
	target.Target
	lambda, variance, cut float64
}

// mixed returns u_λ from |x|² and u(x).
func (b bridge) mixed(square, u float64) float64 {
	switch b.lambda {
	case 0:
		return square / (2 * b.variance)
	case 1:
		return u
	}
	tamed, _ := target.Tame(u, b.cut)
	return (1-b.lambda)*square/(2*b.variance) + b.lambda*tamed
}

// slope writes ∇u_λ into out, from x, ∇u and u there.
func (b bridge) slope(x, gradient []float64, u float64, out []float64) {
	share := b.lambda
	if b.lambda < 1 && u > b.cut {
		share /= 1 + u - b.cut
	}
	for k := range out {
		out[k] = (1-b.lambda)*x[k]/b.variance + share*gradient[k]
	}
}

// EnergyForces returns u_λ of a mean-free x [n*d] and, where forces is not nil, writes −∇u_λ into it.
func (b bridge) EnergyForces(x, forces []float64) float64 {
	u := b.Target.EnergyForces(x, forces)
	if forces != nil {
		for k := range forces {
			forces[k] = -forces[k]
		}
		b.slope(x, forces, u, forces)
		for k := range forces {
			forces[k] = -forces[k]
		}
	}
	return b.mixed(squareOf(x), u)
}

func squareOf(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return sum
}
