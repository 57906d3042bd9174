package protocol

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

// LikelihoodJobs train on all states, with the penalty for every seed and without it for one seed.
func (l *Lab) LikelihoodJobs(x particle.Batch) []Job {
	data := train.Data{Train: x}
	return append(l.Jobs(l.EqBGAll(), data), Job{Recipe: l.EqBGTrap(), Seed: l.Seeds[0], Data: data})
}

// evaluation judges a generator on equilibrium data. The ESS of 20 000 samples varies by 1.5
// percentage points from draw to draw, the ESS of 100 000 samples by less than 1. The Go backend
// takes 2000 samples, since 100 000 would take minutes.
func (l *Lab) evaluation(t Trained, test particle.Batch) evaluate.Report {
	e := evaluate.Options{Seed: t.Seed, Equilibrium: true, Samples: new(100_000), Compare: new(0)}
	if l.backend.Kind == xla.Go {
		e.Samples = new(2000)
	}
	return must(t.Evaluate(test, e))
}

// LikelihoodTable shows the NLL at 20, 40 and 80 steps, ESS, log Z and the verdict.
func (l *Lab) LikelihoodTable(all []Trained, test particle.Batch) figure.Table {
	var rows [][]any
	for _, t := range all {
		r := l.evaluation(t, test)
		verdict := "trustworthy"
		if !r.Trustworthy {
			verdict = "not trustworthy: " + r.Why
		}
		rows = append(rows, []any{
			fmt.Sprintf("%s, seed %d", t.Name, t.Seed),
			fmt.Sprintf("%.3f", r.NLL), fmt.Sprintf("%.3f", r.NLL2), fmt.Sprintf("%.3f", r.NLL4),
			fmt.Sprintf("%.1f %%", 100*r.ESS), fmt.Sprintf("%.3f ± %.3f", r.LogZ, r.LogZError), verdict,
		})
	}
	headers := []string{"generator", "NLL, 20 steps", "40", "80", "ESS", "log Z (29.667)", "verdict"}
	return figure.NewTable(headers, rows...)
}

// StepsFigure draws the NLL against the solver's steps, for the first seed.
func (l *Lab) StepsFigure(all []Trained, x particle.Batch) figure.Figure {
	var series []figure.Series
	for _, t := range all {
		if t.Seed != l.Seeds[0] {
			continue
		}
		s := figure.Series{Name: figure.Words(t.Name), Style: figure.Joined}
		for _, n := range []int{10, 20, 40, 80, 160} {
			s.X, s.Y = append(s.X, float64(n)), append(s.Y, must(t.Model.NLL(x, n)))
		}
		series = append(series, s)
	}
	return figure.Lines(figure.Axes{
		Title: "NLL against the solver's steps", X: "RK4 steps (trained with 20)", Y: "NLL / nats", LogX: true,
		YMarks: []figure.Mark{{At: l.System.Reference().Entropy, Label: "entropy"}},
	}, series...)
}

// LikelihoodClaims states the claims about the table's numbers.
func (l *Lab) LikelihoodClaims(all []Trained, test particle.Batch) {
	reports := map[string][]evaluate.Report{}
	for _, t := range all {
		reports[t.Name] = append(reports[t.Name], l.evaluation(t, test))
	}
	over := func(f func(evaluate.Report) float64) Spread {
		var s Spread
		for _, r := range reports["eqBG-all"] {
			s.Values = append(s.Values, f(r))
		}
		return s
	}
	nll := over(func(r evaluate.Report) float64 { return r.NLL4 })
	ess := over(func(r evaluate.Report) float64 { return 100 * r.ESS })
	drift := over(func(r evaluate.Report) float64 { return math.Abs(r.NLL4 - r.NLL) })
	logZ := over(func(r evaluate.Report) float64 { return r.LogZ })
	off := over(func(r evaluate.Report) float64 { return math.Abs(r.LogZ - r.KnownLogZ) })
	errors := over(func(r evaluate.Report) float64 { return math.Abs(r.LogZ-r.KnownLogZ) / r.LogZError })
	l.Claim("eqBG on all of DW4: NLL on test data", "≤ 8.02 in every seed", nll.Max() <= 8.02, "%s", nll)
	l.Claim("eqBG on all of DW4: NLL with 20 and with 80 steps agree", "within 0.005",
		drift.Max() <= 0.005, "%s", drift)
	l.Claim("eqBG on all of DW4: ESS / %", "≥ 27 in every seed", ess.Min() >= 27, "%s", ess)
	l.Claim("eqBG on all of DW4: log Z", "29.667 within 0.02 and 3 s.e.",
		off.Max() <= 0.02 && errors.Max() <= 3, "%s", logZ)
	trap := reports["eqBG-no-penalty"][0]
	l.Claim("without the penalty, the likelihood is exposed", "not trustworthy", !trap.Trustworthy,
		"NLL %.2f, %.2f, %.2f at 20, 40, 80 steps", trap.NLL, trap.NLL2, trap.NLL4)
}

// EnergyHistogram draws the energies of MCMC, and of the first generator's samples, raw and
// reweighted.
func (l *Lab) EnergyHistogram(all []Trained, test particle.Batch) figure.Figure {
	s := must(all[0].Sample(draws, 1))
	axes := figure.Axes{Title: "Energies of samples", X: "u / kT", Y: "density", XRange: [2]float64{-27, -5}}
	return figure.Histogram(axes, 0,
		figure.Sample{Name: "MCMC", Values: energies(l.System, test), Filled: true},
		figure.Sample{Name: "eqBG, raw", Values: s.Energy},
		figure.Sample{Name: "eqBG, reweighted", Values: s.Energy, Weights: stats.Weights(s.LogWeight)})
}
