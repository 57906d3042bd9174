package protocol

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Annealed is trained by annealing from a wide normal distribution to DW4, on its own reweighted
// samples.
func (l *Lab) Annealed() Recipe {
	return Recipe{Name: "annealed", Flow: flow.Continuous{Field: dynamics.EGNN{}}, Settings: train.Settings{
		Objective: train.Annealed{DrawEvery: l.steps(300, 30), Draws: 2048, Moves: 5}, Steps: l.steps(6000, 600),
	}}
}

// EnergyMatched learns DW4 from 128 energies around every point.
func (l *Lab) EnergyMatched() Recipe {
	return Recipe{Name: "energy-matching", Flow: flow.Continuous{Field: dynamics.OneHop{}}, Settings: train.Settings{
		Objective: train.EnergyMatching{}, Steps: l.steps(1500, 300),
	}}
}

// ReverseKL minimises the reverse KL divergence, by the full gradient or by path gradients.
func (l *Lab) ReverseKL(path bool) Recipe {
	name := map[bool]string{false: "reverse KL", true: "reverse KL, path gradients"}[path]
	return Recipe{Name: name, Flow: kernelFlow(), Settings: train.Settings{
		Objective: train.Energy{Path: path}, Steps: l.steps(800, 300),
	}}
}

// OwnLJ13 trains the one-hop field by annealing to LJ13, and then by path gradients at its own
// samples.
func (l *Lab) OwnLJ13() []Trained {
	lj := target.LJ13()
	recipe := Recipe{Name: "annealed-lj13", Flow: must(eqflow.FlowFor("onehop", lj)), Settings: train.Settings{
		Objective: train.Annealed{Draws: 768, DrawEvery: l.steps(150, 80), Moves: 50},
		Steps:     l.steps(3000, 400), Batch: 64,
	}}
	annealed := l.Train(Job{Recipe: recipe, Seed: 1, System: lj})
	path := train.Settings{Objective: train.Energy{Path: true}, Steps: l.steps(80, 2), Batch: 32}
	return append(annealed, l.Train(l.finishingJob(annealed[0], "annealed-lj13, path gradients", path))...)
}

// DataFreeJobs train four generators on DW4's energy alone, for one seed.
func (l *Lab) DataFreeJobs() []Job {
	var jobs []Job
	for _, r := range []Recipe{l.Annealed(), l.EnergyMatched(), l.ReverseKL(false), l.ReverseKL(true)} {
		jobs = append(jobs, Job{Recipe: r, Seed: l.Seeds[0]})
	}
	return jobs
}

// LadderFigure draws the rungs of an annealing against the number of energy evaluations: λ, the
// effective share of the draws, and log Z.
func LadderFigure(t Trained) figure.Figure {
	lambda, ess := figure.Series{Name: "λ"}, figure.Series{Name: "effective share of the draws"}
	var logZ figure.Series
	for _, r := range t.History.Rungs {
		at := float64(r.Energies)
		lambda.X, lambda.Y = append(lambda.X, at), append(lambda.Y, r.Lambda)
		ess.X, ess.Y = append(ess.X, at), append(ess.Y, r.ESS)
		logZ.X, logZ.Y = append(logZ.X, at), append(logZ.Y, r.LogZ)
	}
	ladder := figure.Axes{
		Title: "The ladder", X: "energies evaluated", LogX: true, YRange: [2]float64{0, 1.05}, Width: 700,
	}
	integral := figure.Axes{
		Title: "ln ∫ exp(−u_{λ}) by each rung's draws", X: "energies evaluated", LogX: true, Y: "nats", Width: 700,
		YMarks: []figure.Mark{{At: t.Target.Reference().LogZ, Label: "known"}},
	}
	return figure.Grid("ladder of "+t.Target.Name(), 2,
		figure.Lines(ladder, lambda, ess), figure.Lines(integral, logZ))
}

// EffectiveAgainstEnergies draws the effective share of the draws against the number of energy
// evaluations, for the generators that measure it during training.
func EffectiveAgainstEnergies(all []Trained) figure.Figure {
	var series []figure.Series
	for _, t := range all {
		s := figure.Series{Name: t.Name}
		for _, r := range t.History.Rungs {
			if r.Lambda == 1 {
				s.X, s.Y = append(s.X, float64(r.Energies)), append(s.Y, r.ESS)
			}
		}
		if len(s.X) > 0 {
			series = append(series, s)
		}
	}
	return figure.Lines(figure.Axes{
		Title: "Effective draws of the target", X: "energies evaluated", Y: "share", LogX: true,
		YRange: [2]float64{0, 1},
	}, series...)
}

// DataFreeTable shows the cost of each generator and the quality of its samples, compared with
// reference configurations that no training used.
func (l *Lab) DataFreeTable(all []Trained, reference particle.Batch) figure.Table {
	var rows [][]any
	for _, t := range all {
		s := l.Draws(t)
		z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
		d := l.distances(t.Target, s, reference, s.X.Len()/20) // the cost of W2 grows with its square
		seconds, energies := t.History.Total()
		rows = append(rows, []any{
			t.Name, fmt.Sprintf("%.2g", float64(energies)), fmt.Sprintf("%.0f", seconds),
			fmt.Sprintf("%.1f %%", 100*effectiveShare(s)), fmt.Sprintf("%.3f ± %.3f", z.Value, z.Error),
			fmt.Sprintf("%.2f (%.2f)", d.W2, d.W2Floor), fmt.Sprintf("%.2f (%.2f)", d.EnergyW2, d.EnergyW2Floor),
		})
	}
	known := fmt.Sprintf("log Z (%.3f)", all[0].Target.Reference().LogZ)
	headers := []string{"trained by", "energies", "seconds", "ESS", known, "W2 (floor)", "energy-W2 (floor)"}
	return figure.NewTable(headers, rows...)
}

// OwnEnergies draws the energies of a generator's samples, raw and reweighted, over those of the
// reference, between least and most. The reweighted samples are missing if their effective size is
// below ten.
func (l *Lab) OwnEnergies(t Trained, reference particle.Batch, least, most float64) figure.Figure {
	s := l.Draws(t)
	shown := []figure.Sample{
		{Name: "MCMC", Filled: true, Values: energies(t.Target, reference)}, {Name: "samples", Values: s.Energy},
	}
	if usefulWeights(s) {
		weights := stats.Weights(s.LogWeight)
		shown = append(shown, figure.Sample{Name: "reweighted", Values: s.Energy, Weights: weights})
	}
	return figure.Histogram(figure.Axes{
		Title: "Energies of " + t.Target.Name() + ", " + t.Name, X: "u / kT", Y: "density",
		XRange: [2]float64{least, most},
	}, 60, shown...)
}

// OwnBasins draws the numbers of thermal samples in the basin of each minimum, within 6 kT of it,
// per 1000 samples, beside those of the reference.
func (l *Lab) OwnBasins(t Trained, reference particle.Batch) figure.Figure {
	minima := must(target.Minima(l.System, target.Search{}))
	s := l.Draws(t)
	own, known := figure.BarSeries{Name: t.Name, ShowValues: true}, figure.BarSeries{Name: "MCMC", ShowValues: true}
	labels := make([]string, len(minima))
	counts, knownCounts := Basins(l.System, minima, s.X, 6), Basins(l.System, minima, reference, 6)
	for k, m := range minima {
		labels[k] = fmt.Sprintf("%.2f", m.Energy)
		own.Values = append(own.Values, 1000*float64(counts[k])/float64(s.X.Len()))
		known.Values = append(known.Values, 1000*float64(knownCounts[k])/float64(reference.Len()))
	}
	return figure.Bars(figure.Axes{
		Title: "Thermal samples per basin, no weights", X: "minimum, u / kT", Y: "of 1000", LogY: true,
	}, labels, own, known)
}

// DataFreeClaims states the claims about training without data.
func (l *Lab) DataFreeClaims(all []Trained) {
	t := all[0]
	s := l.Draws(t)
	ess := effectiveShare(s)
	l.Claim("without data on DW4: ESS / %", "≥ 80", ess >= 0.8,
		"%.1f, after %.2g energies", 100*ess, float64(t.History.Energies))
	z := stats.LogZ(s.LogWeight, stats.Bootstrap{Seed: 1})
	l.Claim("without data on DW4: log Z", "29.667 within 0.02 and 3 s.e.",
		math.Abs(z.Value-29.667) <= 0.02+3*z.Error, "%.3f ± %.3f", z.Value, z.Error)
	for _, by := range []struct {
		name    string
		weights []float64
	}{{"reweighted", s.LogWeight}, {"raw samples", nil}} {
		worst := 0.0
		for k, share := range l.PairShares(s.X, by.weights) {
			worst = max(worst, math.Abs(share.Value-KnownShares[k]))
		}
		l.Claim("without data on DW4: shares by k, "+by.name, "within 0.02 of the known", worst <= 0.02,
			"largest deviation %.4f", worst)
	}
}
