package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const mergeHelp = `Puts together the shards of "eqflow sample --shard i/n" or of "eqflow eval --shard i/n". For samples
it gives ESS, log Z, the reweighted energy and the energy's histogram (--json), with errors, as one
run with all samples would. For scores it gives the NLL and the verdict. Every shard must be given
once, and all must belong to one campaign: the same model, seed or data, size and number of shards.

Memory does not grow with the shards.`

const mergeExamples = `  for i in 0 1 2 3; do
    eqflow sample --model model -n 100000 --seed 1 --shard $i/4 --out samples-$i.npz
  done
  eqflow merge samples-*.npz --out samples.npz
  eqflow merge scores-*.npz --json`

// mergeOptions are the flags of "eqflow merge".
type mergeOptions struct {
	out                        string
	equilibrium, force, asJSON bool
}

// newMergeCommand puts the shards of a campaign together.
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
	flags.StringVar(&o.out, "out", "", "a `file` for the whole campaign: .npz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.BoolVar(&o.equilibrium, "equilibrium", true, "for scores: the data are a fair sample of the system")
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
	if n := len(whole.Unchecked); n > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %d of %d shards carry no checksum, such as %s: "+
			"an earlier version wrote them, and damage in them would not be seen\n", n, whole.Of, whole.Unchecked[0])
	}
	if o.out != "" {
		if err := whole.Write(o.out, o.force); err != nil {
			return err
		}
	}
	if whole.Work == campaign.Samples {
		return o.showSamples(cmd.OutOrStdout(), whole)
	}
	return o.showScores(cmd.OutOrStdout(), whole)
}

// scored is the summary of merged scores.
type scored struct {
	System string `json:"system"`
	Shards int    `json:"shards"`
	N      int    `json:"n"`
	engine.Method
	evaluate.Check
}

// showSamples prints the summary of merged samples.
func (o *mergeOptions) showSamples(out io.Writer, w *campaign.Whole) error {
	s, err := w.Summary()
	if err != nil {
		return err
	}
	if o.asJSON {
		return writeJSON(out, finite.Fields(s))
	}
	fmt.Fprintf(out, "samples  %d of %s in %d shards\n", s.N, s.System, s.Shards)
	fmt.Fprintf(out, "density  %s\n", s.Noise.Describe(s.Method))
	fmt.Fprintf(out, "ESS      %s\n", stats.Estimate{Value: s.ESS, Error: s.ESSError}.Percent())
	fmt.Fprintf(out, "log Z    %.3f ± %.3f\n", s.LogZ, s.LogZError)
	fmt.Fprintf(out, "energy   %.3f ± %.3f kT, reweighted\n", s.Energy, s.EnergyError)
	return nil
}

// showScores prints the summary of merged scores.
func (o *mergeOptions) showScores(out io.Writer, w *campaign.Whole) error {
	c, err := w.Check(o.equilibrium)
	if err != nil {
		return err
	}
	if o.asJSON {
		return writeJSON(out, finite.Fields(scored{w.Target.Name(), w.Of, w.Total, w.Method, c}))
	}
	fmt.Fprintf(out, "scores   %d of %s in %d shards\n", w.Total, w.Target.Name(), w.Of)
	fmt.Fprintf(out, "density  %s\n", density.NoiseOf(nil, nil).Describe(w.Method))
	fmt.Fprintf(out, "NLL      %s nats; with 2 and 4 times the solver's steps %.4f, %.4f\n",
		withError(c.NLL, c.Error), c.NLL2, c.NLL4)
	fmt.Fprintf(out, "verdict  %s: %s\n", verdict(c.Trustworthy), c.Why)
	return nil
}
