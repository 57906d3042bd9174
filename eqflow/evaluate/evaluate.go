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
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Options are the settings of an evaluation. Zero fields take the defaults.
type Options struct {
	Samples *int   // number of samples drawn for the weights; default 20 000, 0 for none
	Seed    uint64 // draws the samples
	// Equilibrium states that the data are a fair sample of the target. The target's entropy is
	// then a lower bound of the NLL. Data of a single metastable state may lie lower.
	Equilibrium bool
	// Doubt says why the data cannot be a fair sample after all. If it is not empty, the verdict on
	// a fair sample is withdrawn.
	Doubt string
	// Bootstrap is the number of resamplings for the errors. Default 200.
	Bootstrap int
	// Compare is the number of samples to compare with as many data. Default 2000, 0 for none. The
	// geometric W2 needs the square of this number of alignments, and twice as many if its floor is
	// measured too.
	Compare *int
	// Variables are collective variables whose free energies are computed.
	Variables []measure.Variable
}

// adaptiveCount is the number of configurations that the adaptive solve checks. The configurations
// of a block share their steps, so that this number is enough to judge the fixed steps.
const adaptiveCount = 512

// Sampler is a density that an evaluation can judge: it scores configurations, and draws them. If
// it has a method Prepare(n int) error, Evaluate calls it before it times the draw of n samples.
type Sampler interface {
	// LogProbs returns log q of each configuration, in nats, with the solver at the given steps (0:
	// as trained). It also returns the standard errors where log q is estimated, nil otherwise.
	LogProbs(x particle.Batch, steps int) (logQ, standardErrors []float64, err error)
	// LogProbAdaptive returns log q by a solver that chooses its steps. It is not called if
	// SolverSteps is 0.
	LogProbAdaptive(x particle.Batch, control ode.Adaptive) (logQ []float64, steps int, err error)
	// Sample draws n configurations with their energies and log-weights. The same seed gives the
	// same draws.
	Sample(n int, seed uint64) (density.Samples, error)
	// SolverSteps returns the number of solver steps, 0 if there is no solver.
	SolverSteps() int
}

// Candidate is the subject of an evaluation: a sampler, its target, and the origin that the report
// states.
type Candidate struct {
	Sampler
	Target target.Target
	Origin
	engine.Method        // how the divergence is computed
	Backend       string // name of the backend
	// Watch receives the progress of the comparison between samples and data, and ends it with its
	// error. It may be nil.
	Watch func(done, total int) error
}

// Evaluate scores data, draws samples, and judges both.
func (c Candidate) Evaluate(data particle.Batch, o Options) (Report, error) {
	r := Report{
		System: c.Target.Name(), Description: target.DescriptionOf(c.Target), N: data.Len(), Origin: c.Origin,
		Method: c.Method,
	}
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
	if o.Equilibrium && o.Doubt != "" {
		r.Trustworthy, r.Why = false, "the data are no fair sample: "+o.Doubt
	}
	samples := 20000
	if o.Samples != nil {
		samples = *o.Samples
	}
	if samples <= 0 {
		return r, nil
	}
	return r, c.evaluateSamples(&r, data, samples, o)
}

// evaluateSamples draws samples, and adds their weights and the comparison with the data to the
// report.
func (c Candidate) evaluateSamples(r *Report, data particle.Batch, n int, o Options) error {
	if p, ok := c.Sampler.(interface{ Prepare(n int) error }); ok {
		if err := p.Prepare(n); err != nil {
			return err
		}
	}
	start := time.Now()
	samples, err := c.Sample(n, o.Seed)
	if err != nil {
		return err
	}
	boot := stats.Bootstrap{Resamples: cmp.Or(o.Bootstrap, 200), Seed: o.Seed}
	r.Cost = Cost{Backend: c.Backend, SamplingSeconds: time.Since(start).Seconds(), EnergyEvaluations: int64(n)}
	c.judgeWeights(r, samples, boot)
	if chiral, ok := c.Target.(interface {
		Chiralities(x particle.Batch) []molecule.Chirality
	}); ok {
		r.Chirality = chiral.Chiralities(samples.X)
	}
	r.EffectivePerSec = r.ESS * float64(r.Samples) / r.SamplingSeconds
	return c.compare(r, samples, data, o, boot)
}

// compare adds the comparison between samples and data: free energies, g(r) and distances.
func (c Candidate) compare(
	r *Report, s density.Samples, data particle.Batch, o Options, boot stats.Bootstrap) (err error) {
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
	for i := range r.Radial {
		r.Radial[i].Unit = target.LengthUnit(c.Target)
	}
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

// CheckNLL scores data at n, 2n and 4n solver steps, and judges whether the NLL is trustworthy.
func (c Candidate) CheckNLL(data particle.Batch, equilibrium bool) (Check, error) {
	check, _, err := c.checkNLL(data, equilibrium)
	return check, err
}

// checkNLL is CheckNLL with the standard errors of log q, if there are any. The probes of a
// configuration are the same at all numbers of solver steps, so that their noise does not look like
// an error of the solver.
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

// CheckScores is CheckNLL for known log-densities: as trained, and with twice and four times the
// solver's steps.
func CheckScores(t target.Target, equilibrium bool, logQ, logQ2, logQ4 []float64) Check {
	inMemory := func(do func(logQ, logQ2, logQ4 []float64) error) error { return do(logQ, logQ2, logQ4) }
	c, _ := CheckManyScores(t, equilibrium, len(logQ), inMemory) // memory gives no error
	return c
}

// Scores calls do with the three log-densities of neighbouring configurations, in order.
type Scores func(do func(logQ, logQ2, logQ4 []float64) error) error

// CheckManyScores is CheckScores for n configurations whose log-densities need not be in memory. It
// calls scores twice.
func CheckManyScores(t target.Target, equilibrium bool, n int, scores Scores) (c Check, err error) {
	var mean, square, mean2, mean4 float64
	err = scores(func(logQ, logQ2, logQ4 []float64) error {
		for i, l := range logQ {
			mean += l / float64(n)
			mean2 += logQ2[i] / float64(n)
			mean4 += logQ4[i] / float64(n)
		}
		return nil
	})
	if err != nil {
		return c, err
	}
	err = scores(func(logQ, _, _ []float64) error {
		for _, l := range logQ {
			square += (l - mean) * (l - mean)
		}
		return nil
	})
	c.NLL, c.NLL2, c.NLL4 = -mean, -mean2, -mean4
	if c.Error = math.Sqrt(square) / float64(n); n == 1 {
		c.Error = math.NaN() // one number has no spread
	}
	c.judge(t.Reference().Entropy, equilibrium && t.Reference().Known)
	return c, err
}

// checkAdaptively scores configurations with adaptive steps of Dopri5 and with the sampler's own
// steps.
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
	byAdaptive := mean(adaptive)
	byFixed := mean(fixed)
	return Adaptive{AdaptiveN: x.Len(), AdaptiveNLL: -byAdaptive, FixedNLL: -byFixed, Tolerance: control.Tolerance}, err
}

func mean(v []float64) (mean float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	return mean
}
