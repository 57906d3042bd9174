// Package radial solves the kernel field's flow in plain Go and float64, on all cores, with its gradient.
//
// At a given flow time the kernel field is one function of one distance, φ(d). A solve visits few times, so the functions
// that it needs are tabulated as polynomial pieces, checked against the radial basis functions that they stand for, and a
// pair costs one look-up instead of fifty exponentials. The gradient goes the same way back: pairs add to the pieces'
// cotangents, and those are carried to the parameters once a solve. Nothing is compiled.
//
// The innermost loops, over pairs and configurations, exist in C for AVX2 too (pairs.c), where cgo is at hand: they give the same
// results to the bit.
//
// The pieces agree with the field to Tolerance, which is checked each time that they are made; the gradient is the exact
// one of the discrete solve with these pieces. Results do not depend on the number of cores.
package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// Field is a kernel field (dynamics.Kernel, which has the formulas) with numbers for parameters.
type Field struct {
	dynamics.Kernel
	D int // of space
	Parameters
}

// Parameters of a kernel field with K distance and T time centres, or a gradient by them.
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

// Add adds share·other.
func (p Parameters) Add(share float64, other Parameters) {
	addScaled(p.Weights, share, other.Weights)
	addScaled(p.Bias, share, other.Bias)
	addScaled(p.Importance, share, other.Importance)
	addScaled(p.NegLogWidths, share, other.NegLogWidths)
	addScaled(p.NegLogTimeWidths, share, other.NegLogTimeWidths)
}

// ByName returns the values of the variable that dynamics.Kernel creates under a name, nil for another.
func (p Parameters) ByName(name string) []float64 {
	return map[string][]float64{
		"weights": p.Weights, "bias": p.Bias, "importance": p.Importance,
		"neg_log_gammas": p.NegLogWidths, "neg_log_gammas_time": p.NegLogTimeWidths,
	}[name]
}

// regulariser keeps normalised RBFs finite far from all centres, and softens d = √(r² + ε), as in dynamics.
const regulariser = 1e-6

// times are the parts of a field that depend on the flow time alone, at each of a solve's times.
type times struct {
	at       []float64
	rbf      [][]float64 // normalised time RBFs [times][T]
	gated    []float64   // Σ_k a_k² W_km + b_m [T]
	constant []float64   // Σ_m gated_m T_m(t) [times]
}

func (f Field) centreOfTime(m int) float64 { return float64(m) / float64(f.TimeCentres-1) }

func (f Field) newTimes(at []float64) times {
	out := times{at: at, rbf: make([][]float64, len(at)), gated: f.gatedBias(), constant: make([]float64, len(at))}
	for i, t := range at {
		out.rbf[i] = f.normalisedTimeRBFs(t)
		out.constant[i] = dot(out.rbf[i], out.gated)
	}
	return out
}

// gatedBias returns Σ_k a_k² W_km + b_m [T].
func (f Field) gatedBias() []float64 {
	gated := append([]float64(nil), f.Bias...)
	for k, a := range f.Importance {
		addScaled(gated, a*a, f.Weights[k*f.TimeCentres:])
	}
	return gated
}

// distanceRBFs returns the centres and the inverse widths of the distance RBFs [K].
func (f Field) distanceRBFs() (centres, inverse []float64) {
	centres, inverse = make([]float64, f.Centres), make([]float64, f.Centres)
	for k := range centres {
		centres[k] = f.MaxDistance * float64(k) / float64(f.Centres-1)
		inverse[k] = math.Exp(f.NegLogWidths[k])
	}
	return centres, inverse
}

// normalisedTimeRBFs returns the time RBFs [T] at a flow time, over their regularised sum.
func (f Field) normalisedTimeRBFs(t float64) []float64 {
	rbf, sum := f.timeRBFs(t)
	for m := range rbf {
		rbf[m] /= sum
	}
	return rbf
}

// timeRBFs returns the time RBFs [T] at a time and their regularised sum.
func (f Field) timeRBFs(t float64) (rbf []float64, sum float64) {
	rbf, sum = make([]float64, f.TimeCentres), regulariser
	for m := range rbf {
		u := (t - f.centreOfTime(m)) * math.Exp(f.NegLogTimeWidths[m])
		rbf[m] = math.Exp(-u * u)
		sum += rbf[m]
	}
	return rbf, sum
}

// pull adds to g what the cotangents of the constants [times] and of the normalised RBFs [times][T] make of it. It adds to
// gRBF on the way.
func (f Field) pullTimes(t times, gConstant []float64, gRBF [][]float64, g Parameters) {
	gGated := make([]float64, f.TimeCentres)
	for i, at := range t.at {
		addScaled(gRBF[i], gConstant[i], t.gated)
		addScaled(gGated, gConstant[i], t.rbf[i])
		raw, sum := f.timeRBFs(at)
		mean := dot(gRBF[i], t.rbf[i])
		for m := range raw {
			u := (at - f.centreOfTime(m)) * math.Exp(f.NegLogTimeWidths[m])
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

// addScaled adds a·from to every element of to.
func addScaled(to []float64, a float64, from []float64) {
	from = from[:len(to)]
	for i := range to {
		to[i] += a * from[i]
	}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
