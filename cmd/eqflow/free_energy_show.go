package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/freeenergy"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

// show prints the results as a table, or as JSON.
func (r freeEnergies) show(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, finite.Fields(r))
	}
	if r.State != "" {
		fmt.Fprintf(out, "free energy of the state %s of %s less that of the rest, in kT\n", r.State, r.A)
	} else {
		fmt.Fprintf(out, "free energy of B, %s, less that of A, %s, in kT\n", r.B, r.A)
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, result := range r.Results {
		fmt.Fprintf(table, "%s\t%.3f ± %.3f", result.Method, result.Free.Value, result.Free.Error)
		if result.Doubt != "" {
			fmt.Fprintf(table, "\tin doubt: %s", result.Doubt)
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(r.Overlaps) > 0 {
		fmt.Fprintf(out, "neighbouring rungs overlap by %.2f to %.2f\n", slices.Min(r.Overlaps), slices.Max(r.Overlaps))
	}
	word := "the methods agree"
	if !r.Agree {
		word = "NOT CONFIRMED"
	}
	_, err := fmt.Fprintf(out, "verdict: %s: %s\n", word, r.Why)
	return err
}

// saveOverlaps draws the distributions of u_B − u_A on all rungs, and those of the works.
func saveOverlaps(stderr io.Writer, l freeenergy.Ladder, ends []freeenergy.End, folder string) error {
	var rungs []figure.Sample
	for k, r := range l {
		rungs = append(rungs, figure.Sample{
			Name: fmt.Sprintf("λ = %.2g", r.Lambda), Values: r.Difference(), Filled: k == 0,
		})
	}
	all := []figure.Figure{figure.Histogram(figure.Axes{
		Name: "rungs", Title: "Overlap of the rungs", X: "u_{B} − u_{A} / kT", Y: "density",
	}, 30, rungs...)}
	for k, end := range ends {
		name := []string{"A", "B"}[k]
		all = append(all, figure.Histogram(figure.Axes{
			Name: "works-" + name, Title: "Works at end " + name, X: "u + log q", Y: "density",
		}, 40, figure.Sample{Name: "Markov chains", Values: end.Reverse, Filled: true},
			figure.Sample{Name: "generator", Values: end.Forward}))
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
