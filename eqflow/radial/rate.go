package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Rate returns the velocity v [B, n, d] of the field and its exact divergence [B] at configurations
// x [B, n, d] and flow times t [B], which may differ from one configuration to the next.
//
// It sums the radial basis functions themselves, in float64 and without tables, so that its error
// is rounding alone. A pair costs as many exponentials as there are distance centres near it. The
// configurations are shared among all cores.
func (f Field) Rate(x particle.Batch, t []float64) (v particle.Batch, div []float64) {
	f.RadialBasis = f.RadialBasis.WithDefaults()
	v, div = particle.NewBatch(x.Len(), x.N, x.D), make([]float64, x.Len())
	centres, inverse := f.distanceRBFs()
	gated := f.gatedBias()
	parallel.Each(x.Len(), func(i int) {
		s := sumOfRBFs{centres: centres, inverse: inverse}
		s.weights, s.constant = f.atTime(t[i], gated)
		div[i] = s.addRate(x.At(i), v.At(i), x.D)
	})
	return v, div
}

// sumOfRBFs is the field's φ(d) at one flow time.
type sumOfRBFs struct {
	centres, inverse []float64 // μ_k and 1/width of the distance RBFs [K]
	weights          []float64 // Σ_m W_km T_m(t) [K]
	constant         float64   // Σ_m (Σ_k a_k² W_km + b_m) T_m(t)
}

// atTime folds the time RBFs into the weights [K] and the constant of φ(d) at a flow time.
func (f Field) atTime(t float64, gated []float64) (weights []float64, constant float64) {
	rbf := f.normalisedTimeRBFs(t)
	weights = make([]float64, f.Centres)
	for k := range weights {
		weights[k] = dot(rbf, f.Weights[k*f.TimeCentres:])
	}
	return weights, dot(rbf, gated)
}

// unseen is the square of (d−μ)/width from which an RBF, then under 5e-25, is lost in the rounding
// of a sum that holds the regulariser 1e-6.
const unseen = 56

// at returns φ(d) and φ'(d).
func (s *sumOfRBFs) at(d float64) (phi, slope float64) {
	sum, weighted, sumSlope, weightedSlope := regulariser, 0.0, 0.0, 0.0
	for k, mu := range s.centres {
		u := (d - mu) * s.inverse[k]
		if u*u > unseen {
			continue
		}
		rbf := math.Exp(-u * u)
		rbfSlope := -2 * u * s.inverse[k] * rbf
		sum += rbf
		weighted += s.weights[k] * rbf
		sumSlope += rbfSlope
		weightedSlope += s.weights[k] * rbfSlope
	}
	mean := weighted / sum
	return mean + s.constant, (weightedSlope - mean*sumSlope) / sum
}

// addRate adds Σ_{j≠i} (x_i − x_j) φ(d_ij) to every v_i [n, dim], and returns the divergence
// Σ_{i≠j} [r²/d φ'(d) + dim φ(d)], d = √(r² + ε).
func (s *sumOfRBFs) addRate(x, v []float64, dim int) (div float64) {
	for i := 0; i < len(x); i += dim {
		for j := i + dim; j < len(x); j += dim {
			square := 0.0
			for c := range dim {
				r := x[i+c] - x[j+c]
				square += r * r
			}
			d := math.Sqrt(square + regulariser)
			phi, slope := s.at(d)
			for c := range dim {
				push := phi * (x[i+c] - x[j+c])
				v[i+c] += push
				v[j+c] -= push
			}
			div += 2 * (square/d*slope + float64(dim)*phi)
		}
	}
	return div
}
