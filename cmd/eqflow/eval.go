package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
)

const evalHelp = `Scores configurations with a trained generator, draws samples from it, and says whether the
figures may be trusted. The NLL is computed with the solver's own steps and again with two and
four times as many: a flow can learn to exploit its solver, and then they disagree. Held against
what is known of the system: the NLL of a fair sample cannot lie under the target's entropy
(--equilibrium=false for data that are no fair sample), and log Z from the weights must agree.`

// newEvalCommand judges a trained generator.
func newEvalCommand() *cobra.Command {
	var folder, data, backend string
	var e eqflow.Evaluation
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "eval --model DIR --data FILE",
		Short:   "Judge a trained generator",
		Long:    evalHelp,
		Example: "  eqflow mcmc --system dw4 -n 10000 --seed 2 --out test.npz\n  eqflow eval --model model --data test.npz\n  eqflow eval --model model --data test.npz --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			model, done, err := loadModel(cmd, backend, folder)
			if err != nil {
				return err
			}
			defer done()
			batch, err := readFor(model.Target, data)
			if err != nil {
				return asInput(err)
			}
			report, err := model.Evaluate(batch, e)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), nullable(reflect.ValueOf(report)))
			}
			showReport(cmd.OutOrStdout(), report)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&folder, "model", "", "the trained model's `folder`")
	flags.StringVar(&data, "data", "", "the `file` of configurations to score: .npz, .npy or .xyz")
	flags.IntVar(&e.Samples, "samples", 20000, "drawn for ESS and log Z (negative: none)")
	flags.Uint64Var(&e.Seed, "seed", 0, "of the samples")
	flags.BoolVar(&e.Equilibrium, "equilibrium", true, "the data are a fair sample of the system")
	addBackendFlag(cmd, &backend)
	addJSONFlag(cmd, &asJSON)
	for _, name := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

// nullable is a struct of numbers as JSON has it: null for what is not finite, which JSON has no number for.
func nullable(report reflect.Value) map[string]any {
	out := map[string]any{}
	for i := range report.NumField() {
		field, value := report.Type().Field(i), report.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous:
			maps.Copy(out, nullable(value))
		case options == "omitempty" && value.IsZero():
		case value.Kind() == reflect.Float64 && (math.IsNaN(value.Float()) || math.IsInf(value.Float(), 0)):
			out[name] = nil
		default:
			out[name] = value.Interface()
		}
	}
	return out
}

func showReport(out io.Writer, r eqflow.Report) {
	fmt.Fprintf(out, "system   %s, %d configurations scored, %d samples drawn\n", r.System, r.N, r.Samples)
	fmt.Fprintf(out, "NLL      %.4f ± %.4f nats; with 2 and 4 times the solver's steps %.4f, %.4f\n", r.NLL, r.Error, r.NLL2, r.NLL4)
	if r.Samples > 0 {
		fmt.Fprintf(out, "ESS      %.1f %%\nlog Z    %.3f ± %.3f\n", 100*r.ESS, r.LogZ, r.LogZError)
		fmt.Fprintf(out, "energy   %.3f ± %.3f kT, reweighted\nvirial   %.2f ± %.2f, reweighted\n", r.Energy, r.EnergyError, r.Virial, r.VirialError)
	}
	verdict := "trustworthy"
	if !r.Trustworthy {
		verdict = "NOT TRUSTWORTHY"
	}
	fmt.Fprintf(out, "verdict  %s: %s\n", verdict, r.Why)
}
