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

// Modern trains seven generators of all of DW4, once each: six that ModernJobs describes, and one of them further, by path
// gradients of both divergences.
func (l *Lab) Modern() []Trained {
	trained := l.Train(l.ModernJobs()...)
	return append(trained, l.Train(l.finish(trained[2], "EGNN, path gradients", train.Settings{Objective: train.Mixture{Path: true}, Steps: l.steps(120, 4)}))...)
}

// finish is a job that trains a generator further, by path gradients.
func (l *Lab) finish(from Trained, name string, s train.Settings) Job {
	s.Path = true
	return Job{Recipe: Recipe{Name: name, Flow: from.Job.Flow, Settings: s.SuitFlow(from.Job.Flow)}, Seed: from.Seed, Data: from.Data, System: from.System, From: &from}
}

// ModernJobs train six generators of all of DW4, once each: the kernel field by likelihood, and by flow matching; and by flow
// matching the EGNN, with each way to choose what it regresses on, and the one-hop field. What matches with a graph network
// takes about equally long.
func (l *Lab) ModernJobs() []Job {
	many := train.Data{Train: l.many()}
	few, _ := l.AllStates()
	egnn, oneHop := flow.Continuous{Field: dynamics.EGNN{}}, must(eqflow.FlowFor("onehop", l.System))
	matched := func(name string, f flow.Config, steps, quick int, s train.Settings) Job {
		s.Objective, s.Steps = train.FlowMatching, l.steps(steps, quick)
		return Job{Recipe: Recipe{Name: name, Flow: f, Settings: s.SuitFlow(f)}, Seed: l.Seeds[0], Data: many}
	}
	return []Job{
		matched("EGNN", egnn, 3500, 250, train.Settings{}),
		matched("EGNN, OT", egnn, 2000, 150, train.Matching{Pairing: train.OptimalTransport}),
		matched("EGNN, forces", egnn, 3500, 250, train.Settings{Forces: true}),
		matched("one-hop, forces", oneHop, 5000, 250, train.Settings{Forces: true}),
		matched("kernel", kernelFlow(), 6000, 2000, train.Settings{}),
		{Recipe: l.EqBGAll(), Seed: l.Seeds[0], Data: train.Data{Train: few}},
	}
}

// many are the configurations that matching learns from.
func (l *Lab) many() particle.Batch { return l.Equilibrium("all-many", l.size(100_000, 20_000), 23) }

// size is a number of configurations, fewer for quick runs.
func (l *Lab) size(full, quick int) int {
	if l.Quick {
		return quick
	}
	return full
}

// energies are DW4's.
func (l *Lab) energies(x particle.Batch) []float64 {
	u := make([]float64, x.Len())
	for i := range u {
		u[i] = l.System.EnergyForces(x.At(i), nil)
	}
	return u
}

// Judged evaluates generators on configurations that none of them has seen, or takes up what an earlier cell has found.
func (l *Lab) Judged(all []Trained) comparison.Comparison {
	_, test := l.AllStates()
	e := evaluate.Options{Samples: l.size(5000, 1000), Seed: 7, Equilibrium: true, Compare: l.size(2000, 250)}
	var c comparison.Comparison
	bar := figure.NewProgress("judging", len(all))
	for i, t := range all {
		bar.Update(i, "%s", t.Name)
		c = append(c, comparison.Entry{Name: t.Name, Report: l.judge(t, test.Slice(0, l.size(2000, 500)), e)})
	}
	many := l.many()
	floor := l.distances(l.System, density.Samples{X: many, Energy: l.energies(many)}, test, e.Compare)
	for i := range c {
		c[i].W2Floor, c[i].EnergyW2Floor, c[i].DistanceW2Floor = floor.W2, floor.EnergyW2, floor.DistanceW2
	}
	bar.Done("%d generators are judged", len(all))
	return c
}

func (l *Lab) judge(t Trained, test particle.Batch, e evaluate.Options) evaluate.Report {
	folder := l.folderOf(t.Job)
	card := must(eqflow.Describe(folder))
	seconds, _ := t.History.Total()
	if r := card.Report; r != nil && r.N == test.Len() && r.Samples == e.Samples && r.TrainingSteps == t.Trained() && r.TrainingSeconds == seconds {
		return *r
	}
	r := must(t.Evaluate(test, e))
	if err := eqflow.KeepReport(folder, r); err != nil {
		panic(err)
	}
	return r
}

// RawEnergies draws the energies of samples as they come, over those of MCMC: of a generator for each field.
func (l *Lab) RawEnergies(all []Trained) figure.Figure {
	_, test := l.AllStates()
	samples := []figure.Sample{{Name: "MCMC", Filled: true, Values: l.energies(test)}}
	for _, t := range all {
		if t.Settings.Forces || t.Name == l.EqBGAll().Name {
			samples = append(samples, figure.Sample{Name: t.Name, Values: l.Draws(t).Energy})
		}
	}
	return figure.Histogram(figure.Axes{Title: "Energies of raw samples", X: "u / kT", Y: "density", XRange: [2]float64{-27, -5}}, 60, samples...)
}

// ModernClaims are what the richer fields are held to; what the coupling and the forces do is shown as it comes.
func (l *Lab) ModernClaims(c comparison.Comparison) {
	by := map[string]comparison.Entry{}
	for _, e := range c {
		by[e.Name] = e
	}
	plain, ot, forces, finished, kernel := by["EGNN"], by["EGNN, OT"], by["EGNN, forces"], by["EGNN, path gradients"], by[l.EqBGAll().Name]
	l.Claim("EGNN by flow matching: ESS / %", "≥ 85", plain.ESS >= 0.85, "%.1f", 100*plain.ESS)
	off := math.Abs(plain.LogZ - plain.KnownLogZ)
	l.Claim("EGNN by flow matching: log Z", "29.667 within 0.02 and 3 s.e.", off <= 0.02+3*plain.LogZError, "%.3f ± %.3f", plain.LogZ, plain.LogZError)
	l.Claim("EGNN above the kernel field by likelihood: ESS", "three times it", plain.ESS >= 3*kernel.ESS, "%.1f and %.1f %%", 100*plain.ESS, 100*kernel.ESS)
	lowest := c[0]
	for _, e := range c {
		if e.NLL4 < lowest.NLL4 {
			lowest = e
		}
	}
	l.Claim("no NLL under the entropy", "≥ 7.127 less 3 s.e.", lowest.NLL4 >= lowest.KnownEntropy-3*lowest.Error, "lowest: %.3f ± %.3f, %s", lowest.NLL4, lowest.Error, lowest.Name)
	l.Claim("EGNN, coupled by OT: ESS / %", Shown, true, "%.1f for %.1f, in about the same time", 100*ot.ESS, 100*plain.ESS)
	l.Claim("EGNN, learning from forces too: ESS / %", Shown, true, "%.1f for %.1f", 100*forces.ESS, 100*plain.ESS)
	l.Claim("EGNN finished by path gradients: energy-W2 of raw samples", "below that before", finished.EnergyW2 < forces.EnergyW2, "%.2f for %.2f", finished.EnergyW2, forces.EnergyW2)
	l.Claim("EGNN finished by path gradients: ESS / %, and W2", Shown, true, "%.1f for %.1f, %.2f for %.2f", 100*finished.ESS, 100*forces.ESS, finished.W2, forces.W2)
}
