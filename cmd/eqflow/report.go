package main

import (
	"fmt"
	"io"
	"math"

	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// saveFigures draws the curves of a report.
func saveFigures(stderr io.Writer, r evaluate.Report, folder string) error {
	var all []figure.Figure
	for _, g := range r.Radial {
		all = append(all, figure.RadialDistribution(g))
	}
	for _, p := range r.FreeEnergies {
		all = append(all, figure.FreeEnergy(p))
	}
	for _, f := range all {
		path, err := f.Save(folder)
		if err != nil {
			return err
		}
		fmt.Fprintln(stderr, "eqflow: wrote", path)
	}
	return nil
}

// withError writes a number with its error, if the error is known.
func withError(value, err float64) string {
	if math.IsNaN(err) {
		return fmt.Sprintf("%.4f", value)
	}
	return fmt.Sprintf("%.4f ± %.4f", value, err)
}

func showReport(out io.Writer, r evaluate.Report) {
	fmt.Fprintf(out, "model    %s, %d parameters, trained for %d steps in %.0f s with %d energy evaluations\n",
		r.Flow, r.Parameters, r.TrainingSteps, r.TrainingSeconds, r.TrainingEnergies)
	fmt.Fprintf(out, "system   %s, %d configurations scored, %d samples drawn\n", r.System, r.N, r.Samples)
	showDescription(out, "molecule ", r.Description)
	fmt.Fprintf(out, "density  %s\ncomputed by %s\n", r.Noise.Describe(r.Method), r.Engine)
	fmt.Fprintf(out, "NLL      %s nats; with 2 and 4 times the solver's steps %.4f, %.4f\n",
		withError(r.NLL, r.Error), r.NLL2, r.NLL4)
	if r.AdaptiveN > 0 {
		fmt.Fprintf(out, "adaptive %.4f nats by an adaptive solve of %d of them, %.4f with the solver's own steps\n",
			r.AdaptiveNLL, r.AdaptiveN, r.FixedNLL)
	}
	fmt.Fprintf(out, "verdict  %s: %s\n", verdict(r.Trustworthy), r.Why)
	if r.Samples == 0 {
		return
	}
	fmt.Fprintf(out, "ESS      %s\n", stats.Estimate{Value: r.ESS, Error: r.ESSError}.Percent())
	fmt.Fprintf(out, "log Z    %.3f ± %.3f\n", r.LogZ, r.LogZError)
	fmt.Fprintf(out, "energy   %.3f ± %.3f kT, reweighted\nvirial   %.2f ± %.2f, reweighted\n",
		r.Energy, r.EnergyError, r.Virial, r.VirialError)
	fmt.Fprintf(out, "weights  %s: %s\n", verdict(r.WeightsTrustworthy), r.WeightsWhy)
	fmt.Fprintf(out, "cost     %.3g effective samples a second on %s; %d energy evaluations in %.3g s\n",
		r.EffectivePerSec, r.Backend, r.EnergyEvaluations, r.SamplingSeconds)
	showChirality(out, "chirality ", r.Chirality)
	if r.Compared > 0 {
		showDistances(out, r.Distances)
	}
	for _, p := range r.FreeEnergies {
		showProfile(out, p)
	}
}

// showDescription prints what a system is, after a label, if its name does not say it all.
func showDescription(out io.Writer, label, description string) {
	if description != "" {
		fmt.Fprintln(out, label+description)
	}
}

// showDistances prints a table of the distances between samples and data.
func showDistances(out io.Writer, d measure.Distances) {
	fmt.Fprintf(out, "\nDistances of %d samples from as many of the data.\n"+
		"The floor is the distance of the data from themselves.\n"+
		"W2 relabels particles before it rotates them: an upper bound of the least W2.\n", d.Compared)
	number := func(v float64) string {
		if math.IsNaN(v) {
			return "–"
		}
		return fmt.Sprintf("%.4g", v)
	}
	energy := number(d.EnergyW2)
	if !math.IsNaN(d.EnergyW2Spread) {
		energy += " ± " + fmt.Sprintf("%.2g", d.EnergyW2Spread)
	}
	rows := [][]string{{"W2, geometric", number(d.W2), number(d.W2Floor), "–"}}
	if d.W2Least > 0 { // NaN if it was not computed
		rows = append(rows, []string{"W2, least", number(d.W2Least), number(d.W2LeastFloor), "–"})
	}
	fmt.Fprint(out, figure.Table{Headers: []string{"", "samples", "floor", "reweighted"}, Rows: append(rows, [][]string{
		{"energy-W2 / kT", energy, number(d.EnergyW2Floor), number(d.EnergyW2Reweighted)},
		{"distance-W2", number(d.DistanceW2), number(d.DistanceW2Floor), number(d.DistanceW2Reweighted)},
		{
			"total variation", number(d.TotalVariation), number(d.TotalVariationFloor),
			number(d.TotalVariationReweighted),
		},
	}...)})
}

// showProfile prints a free energy as a table.
func showProfile(out io.Writer, p measure.Profile) {
	estimate := func(e stats.Estimate) string {
		if math.IsInf(e.Value, 0) {
			return "–"
		}
		return fmt.Sprintf("%.3f ± %.3f", e.Value, e.Error)
	}
	table := figure.Table{Headers: []string{p.Variable, "F / kT", "of the data"}}
	for k, s := range p.Middles {
		table.Rows = append(table.Rows, []string{fmt.Sprintf("%.4g", s), estimate(p.Free[k]), estimate(p.Reference[k])})
	}
	sigmas, kT := p.LargestDeviation()
	if math.IsNaN(kT) {
		fmt.Fprintf(out, "\n%sNo bin has an error below 0.2 kT on both sides; larger errors are not compared.\n", table)
		return
	}
	fmt.Fprintf(out, "\n%sLargest difference %.3f kT; largest in standard errors %.1f.\n", table, kT, sigmas)
}

func verdict(trustworthy bool) string {
	if trustworthy {
		return "trustworthy"
	}
	return "NOT TRUSTWORTHY"
}
