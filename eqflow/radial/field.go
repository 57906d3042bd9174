// Package radial computes the kernel field and its flow in plain Go and float64, on all cores, with
// the gradient by the parameters. Nothing is compiled at run time.
//
// [Field] holds the numbers of a field, and Field.Rate evaluates the field from its radial basis
// functions. [Flow] solves it in fixed steps: Flow.Apply maps configurations, and Flow.Record maps
// them and returns a [Tape], from which Tape.Pull computes the gradient.
//
// At a given flow time the kernel field is one function φ(d) of one distance, and a solve visits
// few times. So a Flow tabulates φ at these times as polynomial pieces, and a pair costs one
// look-up instead of fifty exponentials. The pieces are checked against the radial basis functions
// each time they are made, and agree with them to [Tolerance]. For the gradient, pairs add to the
// cotangents of the pieces, which are carried to the parameters once per solve. The gradient is the
// exact one of the discrete solve with these pieces.
//
// The innermost loops, over pairs and configurations, also exist in C for AVX2 (pairs.c), which is
// used with cgo. They give the same results to the bit. Results do not depend on the number of
// cores.
//
// Files: field.go and rate.go have the field; polynomial.go, pieces.go, basis.go and table.go the
// tables; flow.go, block.go and tape.go the solve and its adjoint; pairs*.* the loops in C.
package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// Field is a kernel field with numbers for parameters. dynamics.RadialBasis has the formulas.
type Field struct {
	dynamics.RadialBasis
	D int // of space
	Parameters
}

// Parameters holds the parameters of a kernel field with K distance and T time centres, or a
// gradient by them.
type Parameters struct {
	Weights          []float64 // W [K, T]
	Bias             []float64 // b [T]
	Importance       []float64 // a [K]
	NegLogWidths     []float64 // −ln of the distance RBFs' widths [K]
	NegLogTimeWidths []float64 // −ln of the time RBFs' widths [T]
}

// NewParameters returns zeros for k distance and t time centres.
func NewParameters(k, t int) Parameters {
	return Parameters{
		Weights: make([]float64, k*t), Bias: make([]float64, t), Importance: make([]float64, k),
		NegLogWidths: make([]float64, k), NegLogTimeWidths: make([]float64, t),
	}
}

// Add adds share·other to p in place.
func (p Parameters) Add(share float64, other Parameters) {
	addScaled(p.Weights, share, other.Weights)
	addScaled(p.Bias, share, other.Bias)
	addScaled(p.Importance, share, other.Importance)
	addScaled(p.NegLogWidths, share, other.NegLogWidths)
	addScaled(p.NegLogTimeWidths, share, other.NegLogTimeWidths)
}

// ByName returns the values of the variable that dynamics.RadialBasis creates under a name, and nil
// for any other name.
func (p Parameters) ByName(name string) []float64 {
	return map[string][]float64{
		"weights": p.Weights, "bias": p.Bias, "importance": p.Importance,
		"neg_log_gammas": p.NegLogWidths, "neg_log_gammas_time": p.NegLogTimeWidths,
	}[name]
}

// regulariser keeps normalised RBFs finite far from all centres, and softens d = √(r² + ε), as in
// package dynamics.
const regulariser = 1e-6

// distanceRBFs returns the centres and the inverse widths of the distance RBFs [K].
func (f Field) distanceRBFs() (centres, inverse []float64) {
	centres, inverse = make([]float64, f.Centres), make([]float64, f.Centres)
	for k := range centres {
		centres[k] = f.MaxDistance * float64(k) / float64(f.Centres-1)
		inverse[k] = math.Exp(f.NegLogWidths[k])
	}
	return centres, inverse
}

// gatedBias returns the coefficients Σ_k a_k² W_km + b_m [T] of the term that depends on time
// alone.
func (f Field) gatedBias() []float64 {
	gated := append([]float64(nil), f.Bias...)
	for k, a := range f.Importance {
		addScaled(gated, a*a, f.Weights[k*f.TimeCentres:])
	}
	return gated
}

func (f Field) timeCentre(m int) float64 { return float64(m) / float64(f.TimeCentres-1) }

// timeRBFs returns the time RBFs [T] at a flow time and their regularised sum.
func (f Field) timeRBFs(t float64) (rbf []float64, sum float64) {
	rbf, sum = make([]float64, f.TimeCentres), regulariser
	for m := range rbf {
		u := (t - f.timeCentre(m)) * math.Exp(f.NegLogTimeWidths[m])
		rbf[m] = math.Exp(-u * u)
		sum += rbf[m]
	}
	return rbf, sum
}

// normalisedTimeRBFs returns the time RBFs [T] at a flow time, divided by their regularised sum.
func (f Field) normalisedTimeRBFs(t float64) []float64 {
	rbf, sum := f.timeRBFs(t)
	for m := range rbf {
		rbf[m] /= sum
	}
	return rbf
}

// times holds the parts of a field that depend on the flow time alone, at each time of a solve.
type times struct {
	at       []float64
	rbf      [][]float64 // normalised time RBFs [times][T]
	gated    []float64   // Σ_k a_k² W_km + b_m [T]
	constant []float64   // Σ_m gated_m T_m(t) [times]
}

func (f Field) newTimes(at []float64) times {
	out := times{at: at, rbf: make([][]float64, len(at)), gated: f.gatedBias(), constant: make([]float64, len(at))}
	for i, t := range at {
		out.rbf[i] = f.normalisedTimeRBFs(t)
		out.constant[i] = dot(out.rbf[i], out.gated)
	}
	return out
}

// pullTimes adds to the gradient g what follows from the cotangents of the constants [times] and of
// the normalised time RBFs [times][T]. It adds the contribution of the constants to gRBF first.
func (f Field) pullTimes(t times, gConstant []float64, gRBF [][]float64, g Parameters) {
	gGated := make([]float64, f.TimeCentres)
	for i, at := range t.at {
		addScaled(gRBF[i], gConstant[i], t.gated)
		addScaled(gGated, gConstant[i], t.rbf[i])
		raw, sum := f.timeRBFs(at)
		mean := dot(gRBF[i], t.rbf[i])
		for m := range raw {
			u := (at - f.timeCentre(m)) * math.Exp(f.NegLogTimeWidths[m])
			g.NegLogTimeWidths[m] += (gRBF[i][m] - mean) / sum * raw[m] * -2 * u * u
		}
	}
	for k, a := range f.Importance {
		row := f.Weights[k*f.TimeCentres : (k+1)*f.TimeCentres]
		addScaled(g.Weights[k*f.TimeCentres:(k+1)*f.TimeCentres], a*a, gGated)
		g.Importance[k] += 2 * a * dot(row, gGated)
	}
	addScaled(g.Bias, 1, gGated)
}

// addScaled adds a·from to to, which may be shorter.
func addScaled(to []float64, a float64, from []float64) {
	from = from[:len(to)]
	for i := range to {
		to[i] += a * from[i]
	}
}

// dot returns Σ_i a_i b_i. b may be longer than a.
func dot(a, b []float64) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
