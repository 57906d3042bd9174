package protocol

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// LikelihoodTable shows the NLL at 20, 40 and 80 steps, ESS, log Z and the verdict of each
// generator.
func LikelihoodTable(all []Trained, report func(Trained) evaluate.Report) figure.Table {
	var rows [][]any
	for _, t := range all {
		r := report(t)
		verdict := "trustworthy"
		if !r.Trustworthy {
			verdict = "not trustworthy: " + r.Why
		}
		rows = append(rows, []any{
			fmt.Sprintf("%s, seed %d", t.Name, t.Seed),
			fmt.Sprintf("%.3f", r.NLL), fmt.Sprintf("%.3f", r.NLL2), fmt.Sprintf("%.3f", r.NLL4),
			stats.Estimate{Value: r.ESS, Error: r.ESSError}.Percent(),
			stats.Estimate{Value: r.LogZ, Error: r.LogZError}.String(), verdict,
		})
	}
	headers := []string{"generator", "NLL, 20 steps", "40", "80", "ESS", "log Z (29.667)", "verdict"}
	return figure.NewTable(headers, rows...)
}

// StepsFigure draws curves of the NLL against the solver's steps, with the entropy below them.
func StepsFigure(entropy float64, curves ...figure.Series) figure.Figure {
	return figure.Lines(figure.Axes{
		Title: "NLL against the solver's steps", X: "RK4 steps (trained with 20)", Y: "NLL / nats", LogX: true,
		YMarks: []figure.Mark{{At: entropy, Label: "entropy"}},
	}, curves...)
}

// EnergyHistogram draws the energies of MCMC, and of a generator's samples, raw and reweighted.
func EnergyHistogram(mcmc []float64, s density.Samples) figure.Figure {
	axes := figure.Axes{Title: "Energies of samples", X: "u / kT", Y: "density", XRange: [2]float64{-27, -5}}
	return figure.Histogram(axes, 60,
		figure.Sample{Name: "MCMC", Values: mcmc, Filled: true},
		figure.Sample{Name: "eqBG, raw", Values: s.Energy},
		figure.Sample{Name: "eqBG, reweighted", Values: s.Energy, Weights: stats.Weights(s.LogWeight)})
}
