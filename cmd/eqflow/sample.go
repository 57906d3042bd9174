package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const sampleHelp = `Draws configurations from a trained generator, with what reweighting needs: the log-density
log_q, the reduced energy u and the log-weight log_w = -u - log_q, each in nats. The .npz opens
with numpy.load, the .xyz in OVITO, VMD and ASE. The same seed gives the same samples.`

// newSampleCommand draws from a trained generator.
func newSampleCommand() *cobra.Command {
	var folder, out, backend string
	var n int
	var seed uint64
	var force bool
	cmd := &cobra.Command{
		Use:     "sample --model DIR -n N --out FILE",
		Short:   "Draw configurations from a trained generator",
		Long:    sampleHelp,
		Example: "  eqflow sample --model model -n 10000 --seed 1 --out samples.npz\n  eqflow sample --model model -n 100 --out samples.xyz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 {
				return inputErrorf("-n %d samples; ask for at least 1", n)
			}
			if err := checkOutput(out, force); err != nil {
				return err
			}
			model, done, err := loadModel(cmd, backend, folder)
			if err != nil {
				return err
			}
			defer done()
			samples, err := model.Sample(n, seed)
			if err != nil {
				return err
			}
			if err := writeSamples(out, model, samples, seed, force); err != nil {
				return modelError(err)
			}
			z := stats.LogZ(samples.LogWeight, stats.Bootstrap{})
			fmt.Fprintf(cmd.OutOrStdout(), "samples  %d of %s in %s\nESS      %.1f %%\nlog Z    %.3f ± %.3f\n", n, model.Target.Name(), out,
				100*stats.KishESS(samples.LogWeight)/float64(n), z.Value, z.Error)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&folder, "model", "", "the trained model's `folder`")
	flags.IntVarP(&n, "samples", "n", 1000, "how many")
	flags.Uint64Var(&seed, "seed", 0, "the same one gives the same samples")
	flags.StringVar(&out, "out", "", "the `file` to write: .npz, .npy or .xyz")
	flags.BoolVar(&force, "force", false, "replace the file if it exists")
	addBackendFlag(cmd, &backend)
	for _, name := range []string{"model", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func writeSamples(path string, model *eqflow.Model, s eqflow.Samples, seed uint64, force bool) error {
	spec, err := target.SpecOf(model.Target)
	if err != nil {
		return err
	}
	text, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	set := dataset.Set{
		Batch:    s.X,
		Manifest: dataset.Manifest{System: model.Target.Name(), Spec: text, Seed: seed, CreatedBy: "eqflow sample"},
	}
	if filepath.Ext(path) != ".npy" { // which has room for the configurations alone
		set.Arrays = dataset.Arrays{
			dataset.Float64("log_q", s.LogQ), dataset.Float64("u", s.Energy), dataset.Float64("log_w", s.LogWeight),
		}
	}
	return dataset.Write(path, set, force)
}
