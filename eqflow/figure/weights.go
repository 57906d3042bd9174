package figure

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// convergencePoints is the number of sample sizes at which Convergence estimates.
const convergencePoints = 24

// Convergence draws the estimates of log Z and of the effective share of the samples (ESS) from the
// first n log-weights, against n, with bands of one standard error. Estimates that drift with n
// depend on few samples. known marks a known log Z; NaN means that none is known.
func Convergence(logWeights []float64, known float64) Figure {
	const name, fewest = "convergence", 20
	if len(logWeights) < fewest {
		return failed(name, "%d log-weights; give %d at least", len(logWeights), fewest)
	}
	z, ess := Series{}, Series{}
	last := 0
	for k := range convergencePoints {
		// evenly spaced on the logarithmic axis, from the fewest to all
		at := math.Log(fewest) + float64(k)/(convergencePoints-1)*math.Log(float64(len(logWeights))/fewest)
		n := int(math.Round(math.Exp(at)))
		if n == last {
			continue
		}
		last = n
		first := logWeights[:n]
		estimate, share := stats.LogZ(first, stats.Bootstrap{Seed: 1}), stats.ESS(first)
		z.X, z.Y, z.YErr = append(z.X, float64(n)), append(z.Y, estimate.Value), append(z.YErr, estimate.Error)
		ess.X, ess.Y = append(ess.X, float64(n)), append(ess.Y, 100*share.Value)
		ess.YErr = append(ess.YErr, 100*share.Error)
	}
	left := Axes{Title: "log Z by the first n samples", X: "n", Y: "log Z / nats", LogX: true, Width: 560, Height: 380}
	if !math.IsNaN(known) {
		left.YMarks = []Mark{{At: known, Label: "known"}}
	}
	right := Axes{
		Title: "ESS of the first n samples", X: "n", Y: "ESS / %", LogX: true,
		YRange: [2]float64{0, 105}, Width: 560, Height: 380,
	}
	return Grid(name, 2, Lines(left, z), Lines(right, ess))
}
