package protocol

import (
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/comparison"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Modern trains seven generators of all of DW4 for one seed: the six of ModernJobs, and one of
// these further, by path gradients of the forward and the reverse KL divergence.
func (l *Lab) Modern() []Trained {
	trained := l.Train(l.ModernJobs()...)
	path := train.Settings{Objective: train.Mixture{Path: true}, Steps: l.steps(120, 4)}
	return append(trained, l.Train(l.finishingJob(trained[2], "EGNN, path gradients", path))...)
}

// ModernJobs train six generators of all of DW4 for one seed: the kernel field by likelihood and by
// flow matching; and by flow matching the EGNN, in three variants, and the one-hop field. The
// trainings with a graph network take about the same time.
func (l *Lab) ModernJobs() []Job {
	many := train.Data{Train: l.matchingData()}
	few, _ := l.AllStates()
	egnn, oneHop := flow.Continuous{Field: dynamics.EGNN{}}, must(eqflow.FlowFor("onehop", l.System))
	matched := func(name string, f flow.Config, steps, quick int, o train.Matching) Job {
		s := train.Settings{Objective: o, Steps: l.steps(steps, quick)}
		return Job{Recipe: Recipe{Name: name, Flow: f, Settings: s.SuitFlow(f)}, Seed: l.Seeds[0], Data: many}
	}
	return []Job{
		matched("EGNN", egnn, 3500, 250, train.Matching{}),
		matched("EGNN, OT", egnn, 2000, 150, train.Matching{Pairing: train.OptimalTransport}),
		matched("EGNN, forces", egnn, 3500, 250, train.Matching{Forces: true}),
		matched("one-hop, forces", oneHop, 5000, 250, train.Matching{Forces: true}),
		matched("kernel", kernelFlow(), 6000, 2000, train.Matching{}),
		{Recipe: l.EqBGAll(), Seed: l.Seeds[0], Data: train.Data{Train: few}},
	}
}

// matchingData returns the training data of flow matching.
func (l *Lab) matchingData() particle.Batch {
	return l.Equilibrium("all-many", l.size(100_000, 20_000), 23)
}

// Judged evaluates generators on test data. It does not repeat the evaluations of earlier cells.
func (l *Lab) Judged(all []Trained) comparison.Comparison {
	_, test := l.AllStates()
	e := evaluate.Options{
		Samples: new(l.size(5000, 1000)), Seed: 7, Equilibrium: true, Compare: new(l.size(2000, 250)),
	}
	var c comparison.Comparison
	bar := figure.NewProgress("judging", len(all))
	for i, t := range all {
		bar.Update(i, "%s", t.Name)
		c = append(c, comparison.Entry{Name: t.Name, Report: l.judge(t, test.Slice(0, l.size(2000, 500)), e)})
	}
	many := l.matchingData()
	samples := density.Samples{X: many, Energy: energies(l.System, many)}
	floor := l.distances(l.System, samples, test, *e.Compare)
	for i := range c {
		c[i].W2Floor, c[i].EnergyW2Floor, c[i].DistanceW2Floor = floor.W2, floor.EnergyW2, floor.DistanceW2
	}
	bar.Done("%d generators are judged", len(all))
	return c
}

// judge evaluates a generator, or returns the report on its card if that is of the same training
// and the same evaluation.
func (l *Lab) judge(t Trained, test particle.Batch, e evaluate.Options) evaluate.Report {
	folder := l.path("models", t.Key())
	card := must(eqflow.Describe(folder))
	seconds, _ := t.History.Total()
	if r := card.Report; r != nil && r.N == test.Len() && r.Samples == *e.Samples &&
		r.TrainingSteps == t.Trained() && r.TrainingSeconds == seconds {
		return *r
	}
	r := must(t.Evaluate(test, e))
	if err := eqflow.KeepReport(folder, r); err != nil {
		panic(err)
	}
	return r
}

// RawEnergies draws the energies of raw samples over those of MCMC, for one generator of each
// field.
func (l *Lab) RawEnergies(all []Trained) figure.Figure {
	_, test := l.AllStates()
	samples := []figure.Sample{{Name: "MCMC", Filled: true, Values: energies(l.System, test)}}
	for _, t := range all {
		matched, _ := t.Settings.Objective.(train.Matching)
		if matched.Forces || t.Name == l.EqBGAll().Name {
			samples = append(samples, figure.Sample{Name: t.Name, Values: l.Draws(t).Energy})
		}
	}
	axes := figure.Axes{Title: "Energies of raw samples", X: "u / kT", Y: "density", XRange: [2]float64{-27, -5}}
	return figure.Histogram(axes, 60, samples...)
}

// ModernClaims states the claims about the richer fields. The effects of the coupling and of the
// forces are shown without claims.
func (l *Lab) ModernClaims(c comparison.Comparison) {
	by := map[string]comparison.Entry{}
	for _, e := range c {
		by[e.Name] = e
	}
	plain, ot, forces := by["EGNN"], by["EGNN, OT"], by["EGNN, forces"]
	finished, kernel := by["EGNN, path gradients"], by[l.EqBGAll().Name]
	l.Claim("EGNN by flow matching: ESS / %", "≥ 85", plain.ESS >= 0.85, "%.1f", 100*plain.ESS)
	off := math.Abs(plain.LogZ - plain.KnownLogZ)
	l.Claim("EGNN by flow matching: log Z", "29.667 within 0.02 and 3 s.e.", off <= 0.02+3*plain.LogZError,
		"%.3f ± %.3f", plain.LogZ, plain.LogZError)
	l.Claim("EGNN above the kernel field by likelihood: ESS", "three times it", plain.ESS >= 3*kernel.ESS,
		"%.1f and %.1f %%", 100*plain.ESS, 100*kernel.ESS)
	lowest := c[0]
	for _, e := range c {
		if e.NLL4 < lowest.NLL4 {
			lowest = e
		}
	}
	l.Claim("no NLL under the entropy", "≥ 7.127 less 3 s.e.", lowest.NLL4 >= lowest.KnownEntropy-3*lowest.Error,
		"lowest: %.3f ± %.3f, %s", lowest.NLL4, lowest.Error, lowest.Name)
	l.Claim("EGNN, coupled by OT: ESS / %", Shown, true,
		"%.1f for %.1f, in about the same time", 100*ot.ESS, 100*plain.ESS)
	l.Claim("EGNN, learning from forces too: ESS / %", Shown, true, "%.1f for %.1f", 100*forces.ESS, 100*plain.ESS)
	l.Claim("EGNN finished by path gradients: energy-W2 of raw samples", "below that before",
		finished.EnergyW2 < forces.EnergyW2, "%.2f for %.2f", finished.EnergyW2, forces.EnergyW2)
	l.Claim("EGNN finished by path gradients: ESS / %, and W2", Shown, true,
		"%.1f for %.1f, %.2f for %.2f", 100*finished.ESS, 100*forces.ESS, finished.W2, forces.W2)
}
