package target

// Bridge is the energy u_λ on a path from a mean-free normal distribution, λ = 0, to a target, λ =
// 1:
//
//	u_λ(x) = (1−λ) |x|²/(2 Variance) + λ Tame(u(x), Cut)
//
// At λ = 1 the energy is u itself, without taming. x must be mean-free. Bridge is a Target for
// Markov chains; its Energy and Reference are those of the target at λ = 1.
type Bridge struct {
	Target
	Lambda   float64
	Variance float64 // of each coordinate of the normal, in squared units of length
	Cut      float64 // kT; +Inf tames nothing
}

// Mix returns u_λ from |x|² and u(x).
func (b Bridge) Mix(square, u float64) float64 {
	switch b.Lambda {
	case 0:
		return square / (2 * b.Variance)
	case 1:
		return u
	}
	tamed, _ := Tame(u, b.Cut)
	return (1-b.Lambda)*square/(2*b.Variance) + b.Lambda*tamed
}

// Gradient writes ∇u_λ [n*d] into out, from x, ∇u(x) and u(x). out may be the slice gradient.
func (b Bridge) Gradient(x, gradient []float64, u float64, out []float64) {
	share := b.Lambda
	if b.Lambda < 1 && u > b.Cut {
		share /= 1 + u - b.Cut
	}
	for k := range out {
		out[k] = (1-b.Lambda)*x[k]/b.Variance + share*gradient[k]
	}
}

// EnergyForces returns u_λ of a mean-free x [n*d] and, where forces is not nil, writes −∇u_λ [n*d]
// into it.
func (b Bridge) EnergyForces(x, forces []float64) float64 {
	square := 0.0
	for _, v := range x {
		square += v * v
	}
	if b.Lambda == 0 && forces == nil {
		return b.Mix(square, 0) // saves an evaluation of the target
	}
	u := b.Target.EnergyForces(x, forces)
	if forces != nil {
		negate(forces)
		b.Gradient(x, forces, u, forces)
		negate(forces)
	}
	return b.Mix(square, u)
}
