package evaluate

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// tolerance is the largest change of the NLL with finer solver steps, in nats. The NLL may also lie
// below the entropy by as much, beyond its own error.
const tolerance = 0.02

// Weighted averages depend on a handful of samples if the effective sample size is below the share
// leastESS of the samples, or below leastEffective.
const (
	leastESS       = 0.01
	leastEffective = 50
)

// judge sets the verdict. If bounded is set, the entropy is a lower bound of the NLL.
func (c *Check) judge(entropy float64, bounded bool) {
	spread := max(math.Abs(c.NLL2-c.NLL), math.Abs(c.NLL4-c.NLL))
	switch {
	case math.IsNaN(c.NLL + c.NLL2 + c.NLL4):
		c.Why = "the NLL is not a number"
	case math.IsNaN(c.Error):
		c.Why = "the NLL of one configuration has no known error; give more"
	case !(spread <= tolerance):
		c.Why = fmt.Sprintf("the solver's steps disagree: NLL %.3f, %.3f with twice and %.3f with four times the steps",
			c.NLL, c.NLL2, c.NLL4)
	case bounded && c.NLL4 < entropy-tolerance-3*c.Error:
		c.Why = fmt.Sprintf("the NLL %.3f lies under the target's entropy %.3f, which is impossible on a fair sample",
			c.NLL4, entropy)
	default:
		c.Trustworthy = true
		c.Why = fmt.Sprintf("finer solves agree within %.4f nats", spread)
		if bounded {
			c.Why += fmt.Sprintf(", and the NLL stays above the entropy %.3f", entropy)
		}
	}
}

// judgeAdaptively withdraws the verdict if the adaptive solve contradicts the fixed steps.
func (r *Report) judgeAdaptively() {
	if gap := math.Abs(r.AdaptiveNLL - r.FixedNLL); r.Trustworthy && !(gap <= tolerance) {
		r.Trustworthy = false
		r.Why = fmt.Sprintf("an adaptive solve disagrees: NLL %.3f instead of %.3f on %d configurations",
			r.AdaptiveNLL, r.FixedNLL, r.AdaptiveN)
	}
}

// judgeWeights adds the estimates from the weights with their verdict. It withdraws the verdict on
// the likelihood if the weights contradict it.
func (c Candidate) judgeWeights(r *Report, s density.Samples, boot stats.Bootstrap) {
	r.Samples = s.X.Len()
	ess := stats.ESS(s.LogWeight)
	r.ESS, r.ESSError = ess.Value, ess.Error
	z := stats.LogZ(s.LogWeight, boot)
	u := stats.Mean(s.Energy, s.LogWeight, boot)
	v := stats.Mean(target.Virials(c.Target, s.X), s.LogWeight, boot)
	if c.Probes > 0 {
		r.Noise = density.NoiseOf(s.LogQError, s.LogWeight)
	}
	r.LogZ, r.LogZError = z.Value, z.Error
	r.Energy, r.EnergyError = u.Value, u.Error
	r.Virial, r.VirialError = v.Value, v.Error
	effective, known := r.ESS*float64(r.Samples), c.Target.Reference()
	switch {
	case !(r.ESS >= leastESS) || effective < leastEffective:
		r.WeightsWhy = fmt.Sprintf("an ESS of %.2g %% of %d samples leaves %.0f effective ones: "+
			"log Z and averages depend on a handful", 100*r.ESS, r.Samples, effective)
	case known.Known && math.Abs(r.LogZ-known.LogZ) > 5*math.Hypot(r.LogZError, known.LogZError)+tolerance:
		r.WeightsWhy = fmt.Sprintf("log Z from the weights, %.3f ± %.3f, contradicts the known %.3f: "+
			"states are missing or the density is wrong", r.LogZ, r.LogZError, known.LogZ)
		if r.Inflation > tolerance {
			r.WeightsWhy += fmt.Sprintf("; the estimated divergence raises it by about %.3f, and more probes by less",
				r.Inflation)
		}
		if r.Trustworthy {
			r.Trustworthy, r.Why = false, r.WeightsWhy
		}
	default:
		r.WeightsTrustworthy = r.Trustworthy
		r.WeightsWhy = fmt.Sprintf("%.0f effective samples", effective)
		if !r.Trustworthy {
			r.WeightsWhy = "the density in the weights is not trustworthy"
		}
	}
}
