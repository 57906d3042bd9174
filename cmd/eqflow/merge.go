package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const mergeHelp = `Puts the shards of "eqflow sample --shard i/n" or of "eqflow eval --shard i/n" together. Of samples
it gives ESS, log Z, the reweighted energy and its histogram (--json), with errors, as one run
that had drawn them all would; of scores the NLL and the verdict. All shards have to be there,
once each, and of one campaign: the same model, seed or data, size and number of shards.
Two or three numbers of each configuration are held in memory; configurations are not.`

const mergeExamples = `  for i in 0 1 2 3; do eqflow sample --model model -n 100000 --seed 1 --shard $i/4 --out samples-$i.npz; done
  eqflow merge samples-*.npz --out samples.npz
  eqflow merge scores-*.npz --json`

// mergeOptions are the flags of "eqflow merge".
type mergeOptions struct {
	out                        string
	equilibrium, force, asJSON bool
}

// newMergeCommand puts shards together.
func newMergeCommand() *cobra.Command {
	var o mergeOptions
	cmd := &cobra.Command{
		Use:     "merge SHARD [SHARD …]",
		Short:   "Put the shards of a campaign together",
		Long:    mergeHelp,
		Example: mergeExamples,
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, files []string) error { return modelError(o.run(cmd, files)) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.out, "out", "", "a `file` for the whole: .npz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.BoolVar(&o.equilibrium, "equilibrium", true, "scores: the data are a fair sample of the system")
	addJSONFlag(cmd, &o.asJSON)
	return cmd
}

func (o *mergeOptions) run(cmd *cobra.Command, files []string) error {
	if o.out != "" {
		if err := checkNpz(o.out); err != nil {
			return err
		}
		if err := checkOutput(o.out, o.force); err != nil {
			return err
		}
	}
	whole, err := campaign.Merge(files...)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := whole.Write(o.out, o.force); err != nil {
			return err
		}
	}
	out := cmd.OutOrStdout()
	switch {
	case whole.Work == campaign.Samples && o.asJSON:
		return writeJSON(out, finite.Fields(whole.Summary()))
	case whole.Work == campaign.Samples:
		showMerged(out, whole.Summary())
	case o.asJSON:
		return writeJSON(out, finite.Fields(scored{whole.Target.Name(), whole.Of, whole.Total, whole.Method, whole.Check(o.equilibrium)}))
	default:
		showScores(out, whole, whole.Check(o.equilibrium))
	}
	return nil
}

// scored is the summary of merged scores.
type scored struct {
	System string `json:"system"`
	Shards int    `json:"shards"`
	N      int    `json:"n"`
	engine.Method
	evaluate.Check
}

func showMerged(out io.Writer, s campaign.Summary) {
	fmt.Fprintf(out, "samples  %d of %s in %d shards\ndensity  %s\nESS      %.1f %%\nlog Z    %.3f ± %.3f\nenergy   %.3f ± %.3f kT, reweighted\n",
		s.N, s.System, s.Shards, s.Noise.Describe(s.Method), 100*s.ESS, s.LogZ, s.LogZError, s.Energy, s.EnergyError)
}

func showScores(out io.Writer, w *campaign.Whole, c evaluate.Check) {
	fmt.Fprintf(out, "scores   %d of %s in %d shards\ndensity  %s\nNLL      %.4f ± %.4f nats; with 2 and 4 times the solver's steps %.4f, %.4f\nverdict  %s: %s\n",
		w.Total, w.Target.Name(), w.Of, density.NoiseOf(nil, nil).Describe(w.Method), c.NLL, c.Error, c.NLL2, c.NLL4, verdict(c.Trustworthy), c.Why)
}
