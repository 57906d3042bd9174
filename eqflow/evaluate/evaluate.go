package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Options say how to evaluate.
type Options struct {
	Samples *int   // drawn for weights; default 20 000, 0 for none
	Seed    uint64 // of the draws
	// Equilibrium says that the data are a fair sample of the target, whose entropy then bounds the NLL from below. Data
	// of a single metastable state may lie lower.
	Equilibrium bool
	// Bootstrap is the number of resamplings for errors; default 200.
	Bootstrap int
	// Compare is how many samples are compared with as many of the data; default 2000, 0 for none. The geometric W2
	// takes its square of alignments, twice where it has a floor.
	Compare *int
	// Variables are collective variables whose free energies are wanted.
	Variables []measure.Variable
}

// tolerance is how far the NLL may move with finer solver steps, and how far it may fall below the entropy beyond its
// own error, in nats.
const tolerance = 0.02

// Weighted averages hang on a handful of samples where the effective sample size lies under leastESS of them, or counts
// fewer than leastEffective.
const (
	leastESS       = 0.01
	leastEffective = 50
)

// adaptiveCount is how many configurations the adaptive solve checks: those of a block share its steps, and so many say whether the fixed
// steps are enough.
const adaptiveCount = 512

// Sampler is a density that can be judged: it scores configurations, and draws them.
type Sampler interface {
	// LogProbs returns log q of each configuration, in nats, with the solver at the given steps (0: as trained), and the
	// standard errors where log q is estimated, nil otherwise.
	LogProbs(x particle.Batch, steps int) (logQ, standardErrors []float64, err error)
	// LogProbAdaptive returns log q by a solver that chooses its steps. It is not called where SolverSteps is 0.
	LogProbAdaptive(x particle.Batch, control ode.Adaptive) (logQ []float64, steps int, err error)
	// Sample draws n configurations, the same for the same seed, with their energies and log-weights.
	Sample(n int, seed uint64) (density.Samples, error)
	// SolverSteps is the number of the solver's steps, 0 where there is no solver.
	SolverSteps() int
}

// Candidate is what an evaluation judges: a sampler of a target, and what the report says of its origin.
type Candidate struct {
	Sampler
	Target target.Target
	Origin
	engine.Method        // of the divergence
	Backend       string // that computes
	// Watch hears how far the comparison of samples and data is, and ends it with its error. It may be nil.
	Watch func(done, total int) error
}

// Evaluate scores data, draws samples and judges both.
func (c Candidate) Evaluate(data particle.Batch, o Options) (Report, error) {
	r := Report{System: c.Target.Name(), N: data.Len(), Origin: c.Origin, Method: c.Method}
	known := c.Target.Reference()
	if known.Known {
		r.KnownLogZ, r.KnownEntropy = known.LogZ, known.Entropy
	}
	if data.Len() == 0 {
		return r, fmt.Errorf("eqflow: no configurations to evaluate on")
	}
	if err := data.Validate(); err != nil {
		return r, err
	}
	var standardErrors []float64
	var err error
	if r.Check, standardErrors, err = c.checkNLL(data, o.Equilibrium); err != nil {
		return r, err
	}
	r.Noise = density.NoiseOf(standardErrors, nil)
	if r.Adaptive, err = c.checkAdaptively(data.Slice(0, min(adaptiveCount, data.Len()))); err != nil {
		return r, err
	}
	r.judgeAdaptively()
	samples := 20000
	if o.Samples != nil {
		samples = *o.Samples
	}
	if samples <= 0 {
		return r, nil
	}
	return r, c.measure(&r, data, samples, o)
}

// measure draws samples and adds their own figures, and those beside the data.
func (c Candidate) measure(r *Report, data particle.Batch, n int, o Options) error {
	if _, err := c.Sample(17, o.Seed); err != nil { // compiles, for blocks of the full size
		return err
	}
	start := time.Now()
	samples, err := c.Sample(n, o.Seed)
	if err != nil {
		return err
	}
	boot := stats.Bootstrap{Resamples: cmp.Or(o.Bootstrap, 200), Seed: o.Seed}
	r.Cost = Cost{Backend: c.Backend, SamplingSeconds: time.Since(start).Seconds(), EnergyEvaluations: int64(n)}
	c.weighIn(r, samples, boot)
	r.EffectivePerSec = r.ESS * float64(r.Samples) / r.SamplingSeconds
	return c.compare(r, samples, data, o, boot)
}

// compare measures the samples beside the data.
func (c Candidate) compare(r *Report, s density.Samples, data particle.Batch, o Options, boot stats.Bootstrap) (err error) {
	sample := measure.Sample{X: s.X, Energy: s.Energy, LogWeight: s.LogWeight}
	reference := measure.Sample{X: data, Energy: target.Energies(c.Target, data)}
	relabelling := target.RelabellingOf(c.Target)
	for _, v := range o.Variables {
		profile, err := v.FreeEnergy(sample, reference, boot)
		if err != nil {
			return err
		}
		r.FreeEnergies = append(r.FreeEnergies, profile)
	}
	size := 0 // measure's default
	if o.Compare != nil {
		size = *o.Compare
	}
	if o.Compare != nil && size <= 0 {
		return nil
	}
	r.Radial = measure.RadialDistributions(sample, reference, relabelling)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	comparison := measure.Comparison{Size: size, Relabelling: relabelling}
	if c.Watch != nil {
		comparison.Report = func(done, total int) {
			if err := c.Watch(done, total); err != nil {
				cancel(err)
			}
		}
	}
	if r.Distances, err = comparison.Compare(ctx, sample, reference); ctx.Err() != nil {
		return fmt.Errorf("eqflow: %w", context.Cause(ctx))
	}
	return err
}

// CheckNLL scores data at n, 2n and 4n solver steps, and says whether the figure may be trusted.
func (c Candidate) CheckNLL(data particle.Batch, equilibrium bool) (Check, error) {
	check, _, err := c.checkNLL(data, equilibrium)
	return check, err
}

// checkNLL is CheckNLL with the standard errors of each log q, where there are any. A configuration has the same probes at all
// solver steps, so that their noise does not pass for the solver's.
func (c Candidate) checkNLL(data particle.Batch, equilibrium bool) (check Check, standardErrors []float64, err error) {
	n := c.SolverSteps()
	logQ, standardErrors, err := c.LogProbs(data, 0)
	if err != nil {
		return Check{}, nil, err
	}
	logQ2, logQ4 := logQ, logQ
	if n > 0 {
		if logQ2, _, err = c.LogProbs(data, 2*n); err != nil {
			return Check{}, nil, err
		}
		if logQ4, _, err = c.LogProbs(data, 4*n); err != nil {
			return Check{}, nil, err
		}
	}
	return CheckScores(c.Target, equilibrium, logQ, logQ2, logQ4), standardErrors, nil
}

// CheckScores is CheckNLL for log-densities that are known: as trained, with twice and with four times the solver's steps.
func CheckScores(t target.Target, equilibrium bool, logQ, logQ2, logQ4 []float64) (c Check) {
	c.NLL, c.Error = meanAndError(logQ)
	c.NLL2, _ = meanAndError(logQ2)
	c.NLL4, _ = meanAndError(logQ4)
	c.NLL, c.NLL2, c.NLL4 = -c.NLL, -c.NLL2, -c.NLL4
	c.judge(t.Reference().Entropy, equilibrium && t.Reference().Known)
	return c
}

// checkAdaptively solves configurations with Dopri5 and with the sampler's own steps.
func (c Candidate) checkAdaptively(x particle.Batch) (a Adaptive, err error) {
	if c.SolverSteps() == 0 {
		return a, nil
	}
	control := ode.Adaptive{}.WithDefaults()
	adaptive, _, err := c.LogProbAdaptive(x, control)
	if err != nil {
		return a, err
	}
	fixed, _, err := c.LogProbs(x, 0)
	byAdaptive, _ := meanAndError(adaptive)
	byFixed, _ := meanAndError(fixed)
	return Adaptive{AdaptiveN: x.Len(), AdaptiveNLL: -byAdaptive, FixedNLL: -byFixed, Tolerance: control.Tolerance}, err
}

// judgeAdaptively takes the verdict back if the adaptive solve contradicts the fixed steps.
func (r *Report) judgeAdaptively() {
	if gap := math.Abs(r.AdaptiveNLL - r.FixedNLL); r.Trustworthy && !(gap <= tolerance) {
		r.Trustworthy = false
		r.Why = fmt.Sprintf("an adaptive solve disagrees: NLL %.3f instead of %.3f on %d configurations", r.AdaptiveNLL, r.FixedNLL, r.AdaptiveN)
	}
}

func meanAndError(v []float64) (mean, err float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		err += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(err) / float64(len(v))
}

// judge fills the verdict in.
func (c *Check) judge(entropy float64, bounded bool) {
	spread := max(math.Abs(c.NLL2-c.NLL), math.Abs(c.NLL4-c.NLL))
	switch {
	case math.IsNaN(c.NLL + c.NLL2 + c.NLL4):
		c.Why = "the NLL is not a number"
	case !(spread <= tolerance):
		c.Why = fmt.Sprintf("the solver's steps disagree: NLL %.3f, %.3f with twice and %.3f with four times the steps", c.NLL, c.NLL2, c.NLL4)
	case bounded && c.NLL4 < entropy-tolerance-3*c.Error:
		c.Why = fmt.Sprintf("the NLL %.3f lies under the target's entropy %.3f, which no density can do on a fair sample", c.NLL4, entropy)
	default:
		c.Trustworthy = true
		c.Why = fmt.Sprintf("finer solves agree within %.4f nats", spread)
		if bounded {
			c.Why += fmt.Sprintf(", and the NLL stays above the entropy %.3f", entropy)
		}
	}
}

// weighIn adds what the weights tell, and takes the verdict back if they contradict it.
func (c Candidate) weighIn(r *Report, s density.Samples, boot stats.Bootstrap) {
	r.Samples = s.X.Len()
	r.ESS = stats.KishESS(s.LogWeight) / float64(r.Samples)
	z := stats.LogZ(s.LogWeight, boot)
	u := stats.Mean(s.Energy, s.LogWeight, boot)
	v := stats.Mean(target.Virials(c.Target, s.X), s.LogWeight, boot)
	if c.Probes > 0 {
		r.Noise = density.NoiseOf(s.LogQError, s.LogWeight)
	}
	r.LogZ, r.LogZError, r.Energy, r.EnergyError, r.Virial, r.VirialError = z.Value, z.Error, u.Value, u.Error, v.Value, v.Error
	effective, known := r.ESS*float64(r.Samples), c.Target.Reference()
	switch {
	case !(r.ESS >= leastESS) || effective < leastEffective:
		r.WeightsWhy = fmt.Sprintf("an ESS of %.2g %% of %d samples leaves %.0f effective ones: log Z and averages hang on a handful", 100*r.ESS, r.Samples, effective)
	case known.Known && math.Abs(r.LogZ-known.LogZ) > 5*math.Hypot(r.LogZError, known.LogZError)+tolerance:
		r.WeightsWhy = fmt.Sprintf("log Z from the weights, %.3f ± %.3f, contradicts the known %.3f: states are missing or the density is wrong", r.LogZ, r.LogZError, known.LogZ)
		if r.Inflation > tolerance {
			r.WeightsWhy += fmt.Sprintf("; the divergence's estimate raises it by about %.3f, and more probes by less", r.Inflation)
		}
		if r.Trustworthy {
			r.Trustworthy, r.Why = false, r.WeightsWhy
		}
	default:
		r.WeightsTrustworthy = r.Trustworthy
		r.WeightsWhy = fmt.Sprintf("%.0f effective samples", effective)
		if !r.Trustworthy {
			r.WeightsWhy = "the density that weighs them is not to be trusted"
		}
	}
}
