package stats

import (
	"cmp"
	"math"
	"slices"
)

// Wasserstein returns the p-Wasserstein distance between two weighted sets of numbers, in their
// unit.
//
//	W_p = (∫₀¹ |F⁻¹(s) − G⁻¹(s)|^p ds)^{1/p}
//
// With p = 2 and energies it is the energy-W2 of the literature. logWx and logWy are log-weights;
// nil means equal weights.
func Wasserstein(p float64, x, logWx, y, logWy []float64) float64 {
	xs, ys := sortedMasses(x, logWx), sortedMasses(y, logWy)
	sum, i, j := 0.0, 0, 0
	for i < len(xs) && j < len(ys) {
		mass := min(xs[i].mass, ys[j].mass)
		sum += mass * math.Pow(math.Abs(xs[i].value-ys[j].value), p)
		// Advance past the lighter of the two, so that rounding cannot leave a remainder of its
		// mass.
		if xs[i].mass <= ys[j].mass {
			ys[j].mass -= mass
			i++
		} else {
			xs[i].mass -= mass
			j++
		}
	}
	return math.Pow(sum, 1/p)
}

// pointMass is a value and its normalised weight.
type pointMass struct{ value, mass float64 }

func sortedMasses(values, logW []float64) []pointMass {
	w := weightsOrEqual(logW, len(values))
	points := make([]pointMass, len(values))
	for i, v := range values {
		points[i] = pointMass{v, w[i]}
	}
	slices.SortFunc(points, func(a, b pointMass) int { return cmp.Compare(a.value, b.value) })
	return points
}
