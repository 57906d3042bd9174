package molecule

import "math"

// bornTerm is a compiled Born. It passes over the pairs three times: for the integrals I, for the
// polar energy and its derivative by the Born radii, and for the forces through the integrals.
type bornTerm struct {
	*Born
	cutoff2        float64 // +Inf without a cutoff
	inner, outer   float64 // k/ε_in and k/ε_out
	surfaceRadius2 []float64
}

func (b *Born) compile(int) term {
	t := &bornTerm{Born: b, cutoff2: math.Inf(1), inner: b.Coulomb / b.Solute, outer: b.Coulomb / b.Solvent}
	if b.Cutoff > 0 {
		t.cutoff2 = b.Cutoff * b.Cutoff
	}
	for _, a := range b.Atoms {
		reach := a.Rho + b.Offset + b.Probe
		t.surfaceRadius2 = append(t.surfaceRadius2, reach*reach)
	}
	return t
}

// bornSpace holds the intermediate results of one configuration.
type bornSpace struct {
	r2       []float64 // [n, n], of i < j: r², or +Inf beyond the cutoff
	slope    []float64 // [n, n]: the derivative of I_i by r_ij, divided by r_ij
	direct   []float64 // [n, n], of i < j: the derivative of the polar energy by r_ij, divided by r_ij
	integral []float64 // [n]
	radius   []float64 // [n], B
	inverse  []float64 // [n], 1/B
	response []float64 // [n], dB/dI
	slopeB   []float64 // [n], dE/dB
}

func newBornSpace(n int) *bornSpace {
	make2 := func() []float64 { return make([]float64, n*n) }
	make1 := func() []float64 { return make([]float64, n) }
	return &bornSpace{make2(), make2(), make2(), make1(), make1(), make1(), make1(), make1()}
}

func (t *bornTerm) add(x, f []float64, w *workspace) float64 {
	s := w.bornSpace(len(t.Atoms))
	t.integrals(x, s)
	energy := t.single(s)
	if t.PolarPairs {
		energy += t.pairs(s)
	} else {
		clear(s.direct)
	}
	t.forces(x, f, s)
	return energy
}

// integrals fills in r², the integrals and their derivatives.
func (t *bornTerm) integrals(x []float64, s *bornSpace) {
	n := len(t.Atoms)
	clear(s.integral)
	for i := range n {
		xi, a := at(x, i), &t.Atoms[i]
		for j := i + 1; j < n; j++ {
			d := xi.minus(at(x, j))
			r2 := d.dot(d)
			if r2 > t.cutoff2 {
				s.r2[i*n+j] = math.Inf(1)
				s.slope[i*n+j], s.slope[j*n+i] = 0, 0
				continue
			}
			s.r2[i*n+j] = r2
			r := math.Sqrt(r2)
			inv := 1 / r
			b := &t.Atoms[j]
			value, slope := t.descreen(r, inv, a, b)
			s.integral[i] += value
			s.slope[i*n+j] = slope
			value, slope = t.descreen(r, inv, b, a)
			s.integral[j] += value
			s.slope[j*n+i] = slope
		}
	}
}

// descreen returns what atom b adds to the integral of atom a, and its derivative by r over r,
// where invR is 1/r. The derivatives through L and U vanish, but for L = s − r, where a lies
// within b.
func (t *bornTerm) descreen(r, invR float64, a, b *BornSite) (value, slope float64) {
	upper, lower := r+b.Scaled, max(a.Rho, math.Abs(r-b.Scaled))
	if upper > a.Rho {
		inv := 1 / (lower * upper)
		invL, invU := inv*upper, inv*lower
		squares := (invU - invL) * (invU + invL)
		log := 0.5 * math.Log(upper*invL) * invR // ln(U/L)/2r
		scaled2 := b.Scaled * b.Scaled * invR
		value = 0.5 * (invL - invU + 0.25*(r-scaled2)*squares - log)
		slope = 0.5 * (0.25*(1+scaled2*invR)*squares + log*invR) * invR
		switch {
		case a.Rho >= b.Scaled-r:
		case t.Engulfed:
			value += 1/a.Rho - invL // whose derivative cancels that through L
		default:
			slope += invL * invL * invR
		}
	}
	if t.Neck != nil {
		v, d := t.Neck.at(r, a, b, t.Offset)
		value, slope = value+v, slope+d*invR
	}
	return value, slope
}

// at returns the neck's part of the integral of atom a, and its derivative by r.
func (k *Neck) at(r float64, a, b *BornSite, offset float64) (value, slope float64) {
	if r > a.Rho+b.Rho+2*offset+k.Cut {
		return 0, 0
	}
	m, d := k.M0[a.Index+k.Size*b.Index], r-k.D0[a.Index+k.Size*b.Index]
	d2 := d * d
	inv := 1 / (1 + 100*d2 + 3e5*d2*d2*d2)
	value = k.Scale * m * inv
	return value, -value * inv * d * (200 + 1.8e6*d2*d2)
}

// single fills in the Born radii and their response, and returns the energy of single atoms.
func (t *bornTerm) single(s *bornSpace) float64 {
	sum := 0.0
	for i := range t.Atoms {
		a := &t.Atoms[i]
		psi := s.integral[i]
		if t.HCT {
			b := 1 / (1/a.Rho - psi)
			s.radius[i], s.response[i] = b, b*b
		} else {
			psi *= a.Rho
			radius := a.Rho + t.Offset
			tanh := math.Tanh(psi * (a.Alpha + psi*(-a.Beta+psi*a.Gamma)))
			b := 1 / (1/a.Rho - tanh/radius)
			s.radius[i] = b
			s.response[i] = b * b * (1 - tanh*tanh) * (a.Alpha + psi*(-2*a.Beta+3*psi*a.Gamma)) * a.Rho / radius
		}
		b := s.radius[i]
		s.inverse[i], s.slopeB[i] = 1/b, 0
		if t.PolarSelf {
			value, slope := t.polar(s.inverse[i])
			sum += 0.5 * a.Charge * a.Charge * value
			s.slopeB[i] = 0.5 * a.Charge * a.Charge * slope
		}
		if t.Surface != 0 {
			ratio := (a.Rho + t.Offset) / b
			ratio *= ratio * ratio
			value := t.Surface * t.surfaceRadius2[i] * ratio * ratio
			sum += value
			s.slopeB[i] -= 6 * value / b
		}
	}
	return sum
}

// polar returns −k(1/ε_in − e^(−κf)/ε_out)/f and its derivative by f, where invF is 1/f.
func (t *bornTerm) polar(invF float64) (value, slope float64) {
	if t.Kappa == 0 {
		value = -(t.inner - t.outer) * invF
		return value, -value * invF
	}
	outer := t.outer * math.Exp(-t.Kappa/invF)
	value = -(t.inner - outer) * invF
	return value, -(value + t.Kappa*outer) * invF
}

// pairs adds the polar energy of pairs to dE/dB, fills in the direct derivative, and returns the
// energy.
func (t *bornTerm) pairs(s *bornSpace) float64 {
	n, sum := len(t.Atoms), 0.0
	for i := range n {
		qi, bi, invB, own := t.Atoms[i].Charge, s.radius[i], s.inverse[i], 0.0
		for j := i + 1; j < n; j++ {
			r2 := s.r2[i*n+j]
			if math.IsInf(r2, 1) {
				s.direct[i*n+j] = 0
				continue
			}
			bb := bi * s.radius[j]
			ratio := 0.25 * r2 * (invB * s.inverse[j])
			decay := math.Exp(-ratio)
			invF := 1 / math.Sqrt(r2+bb*decay)
			value, slope := t.polar(invF)
			if t.PairShift != 0 {
				value, slope = t.shifted(value, slope, invF)
			}
			qq := qi * t.Atoms[j].Charge
			sum += qq * value
			half := 0.5 * qq * slope * invF // dE/df²
			s.direct[i*n+j] = half * (2 - 0.5*decay)
			each := half * decay * (1 + ratio) // dE/d(BB')
			own += each * s.radius[j]
			s.slopeB[j] += each * bi
		}
		s.slopeB[i] += own
	}
	return sum
}

// shifted replaces the factor 1/f of a pair's energy by 1/f − PairShift.
func (t *bornTerm) shifted(value, slope, invF float64) (float64, float64) {
	outer := t.outer
	if t.Kappa != 0 {
		outer *= math.Exp(-t.Kappa / invF)
	}
	return value + t.PairShift*(t.inner-outer), slope + t.PairShift*t.Kappa*outer
}

// forces adds the forces of all pairs.
func (t *bornTerm) forces(x, f []float64, s *bornSpace) {
	n := len(t.Atoms)
	for i := range n {
		s.slopeB[i] *= s.response[i] // dE/dI
	}
	for i := range n {
		xi, own, slopeI := at(x, i), vec{}, s.slopeB[i]
		for j := i + 1; j < n; j++ {
			if math.IsInf(s.r2[i*n+j], 1) {
				continue
			}
			k := -(s.direct[i*n+j] + slopeI*s.slope[i*n+j] + s.slopeB[j]*s.slope[j*n+i])
			d := xi.minus(at(x, j))
			own = own.plus(d.scaled(k))
			d.addTo(f, j, -k)
		}
		own.addTo(f, i, 1)
	}
}
