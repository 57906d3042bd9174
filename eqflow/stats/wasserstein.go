package stats

import (
	"math"
	"slices"
)

// Wasserstein is the p-Wasserstein distance between two weighted sets of numbers, in their unit.
//
//	W_p = (∫₀¹ |F⁻¹(s) − G⁻¹(s)|^p ds)^{1/p}
//
// With p = 2 and energies it is the energy-W2 of the literature. logWx and logWy are log-weights, nil for equal ones.
func Wasserstein(p float64, x, logWx, y, logWy []float64) float64 {
	xs, ys := sorted(x, logWx), sorted(y, logWy)
	sum, i, j := 0.0, 0, 0
	for i < len(xs) && j < len(ys) {
		mass := min(xs[i].mass, ys[j].mass)
		sum += mass * math.Pow(math.Abs(xs[i].value-ys[j].value), p)
		// The lighter of the two is used up exactly, so that rounding cannot leave a sliver of mass behind.
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

type point struct{ value, mass float64 }

func sorted(values, logW []float64) []point {
	w := weightsOf(logW, len(values))
	points := make([]point, len(values))
	for i, v := range values {
		points[i] = point{v, w[i]}
	}
	slices.SortFunc(points, func(a, b point) int {
		if a.value < b.value {
			return -1
		} else if a.value > b.value {
			return 1
		}
		return 0
	})
	return points
}
