package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"

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
		Args:    noArguments,
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
			if e.Samples == 0 {
				e.Samples = -1 // none, where Evaluation would take its default
			}
			end := watch(cmd, model)
			report, err := model.Evaluate(batch, e)
			end()
			if err != nil {
				return err
			}
			if err := eqflow.KeepReport(folder, report); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), err) // a folder of somebody else's is judged all the same
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
	flags.IntVar(&e.Samples, "samples", 20000, "drawn for ESS and log Z (0: none)")
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
		case value.Type() == reflect.TypeFor[eqflow.Weights]() && value.Interface().(eqflow.Weights).Samples == 0,
			value.Type() == reflect.TypeFor[eqflow.Adaptive]() && value.Interface().(eqflow.Adaptive).AdaptiveN == 0:
			// Nothing was measured: no key rather than zeros.
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
	if r.AdaptiveN > 0 {
		fmt.Fprintf(out, "adaptive %.4f nats by an adaptive solve of %d of them, %.4f with the solver's own steps\n", r.AdaptiveNLL, r.AdaptiveN, r.FixedNLL)
	}
	fmt.Fprintf(out, "verdict  %s: %s\n", verdict(r.Trustworthy), r.Why)
	if r.Samples == 0 {
		return
	}
	fmt.Fprintf(out, "ESS      %.1f %%\nlog Z    %.3f ± %.3f\n", 100*r.ESS, r.LogZ, r.LogZError)
	fmt.Fprintf(out, "energy   %.3f ± %.3f kT, reweighted\nvirial   %.2f ± %.2f, reweighted\n", r.Energy, r.EnergyError, r.Virial, r.VirialError)
	fmt.Fprintf(out, "weights  %s: %s\n", verdict(r.WeightsTrustworthy), r.WeightsWhy)
}

func verdict(trustworthy bool) string {
	if trustworthy {
		return "trustworthy"
	}
	return "NOT TRUSTWORTHY"
}

// watch shows on stderr how far a model's computations are, and lets Ctrl-C stop them. The caller calls end when they are over.
func watch(cmd *cobra.Command, model *eqflow.Model) (end func()) {
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = time.Now() // what takes less than an interval needs no progress
	model.Watch(cmd.Context(), func(done, total int) { line.show("%d of %d configurations", done, total) })
	return line.clear
}
