package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const evalHelp = `Scores configurations with a trained generator, draws samples from it, and says whether the
figures may be trusted. The NLL is computed with the solver's own steps and again with two and
four times as many: a flow can learn to exploit its solver, and then they disagree. Held against
what is known of the system: the NLL of a fair sample cannot lie under the target's entropy
(--equilibrium=false for data that are no fair sample), and log Z from the weights must agree.

Beside the data it measures, as papers do: W2 over rotation, reflection and relabelling (relabelled
first and rotated afterwards, an upper bound), W2 of energies and of pair distances, total
variation, radial distribution functions (--json, --figures), and free energies along collective
variables, reweighted. A configuration of the data that cannot be of the system is left out, and
named. A collective variable is an expression of a configuration:

` + measure.ExpressionHelp + `.

With --shard i/n --out FILE it only scores the i-th of n equal parts of the data, i from 0 to
n-1, and writes log_q with the solver's own, twice and four times its steps; "eqflow merge"
puts them together and gives the verdict.

` + divergenceHelp

const evalExamples = `  eqflow mcmc --system dw4 -n 10000 --seed 2 --out test.npz
  eqflow eval --model model --data test.npz
  eqflow eval --model model --data test.npz --cv 'long pairs = count(distances, # > 4)' --figures pictures
  eqflow eval --model model --data test.npz --json`

// evalOptions are the flags of "eqflow eval".
type evalOptions struct {
	folder, data, figures string
	compute               computeFlags
	shard, out            string
	force                 bool
	variables             []string
	evaluation            evaluate.Options
	asJSON                bool
	divergence            divergenceFlags
	molecule              trainedMoleculeFlags
}

// newEvalCommand judges a trained generator.
func newEvalCommand() *cobra.Command {
	var o evalOptions
	cmd := &cobra.Command{
		Use:     "eval --model DIR --data FILE",
		Short:   "Judge a trained generator",
		Long:    evalHelp,
		Example: evalExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags, e := cmd.Flags(), &o.evaluation
	e.Samples, e.Compare = new(20000), new(2000)
	flags.StringVar(&o.folder, "model", "", "the trained model's `folder`")
	flags.StringVar(&o.data, "data", "", "the `file` of configurations to score: .npz, .npy or .xyz")
	flags.IntVar(e.Samples, "samples", *e.Samples, "drawn for ESS, log Z and what follows (0: none)")
	flags.IntVar(e.Compare, "compare", *e.Compare,
		"configurations of samples and data between which W2 is computed (0: none)")
	flags.StringArrayVar(&o.variables, "cv", nil, "a collective variable whose free energy is wanted, an `expression` (see above); may be repeated")
	flags.StringVar(&o.figures, "figures", "", "a `folder` for pictures of g(r) and free energies")
	flags.Uint64Var(&e.Seed, "seed", 0, "of the samples, and of the probes")
	flags.StringVar(&o.shard, "shard", "", "score a part of the data alone, `i/n` with i from 0 to n-1")
	flags.StringVar(&o.out, "out", "", "the `file` for the scores of --shard: .npz")
	flags.BoolVar(&o.force, "force", false, "with --shard: replace the file if it exists")
	flags.BoolVar(&e.Equilibrium, "equilibrium", true, "the data are a fair sample of the system")
	o.compute.add(cmd)
	o.molecule.add(cmd)
	addDivergenceFlags(cmd, &o.divergence)
	addJSONFlag(cmd, &o.asJSON)
	for _, name := range []string{"model", "data"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

// runShard scores a part of the data, unless its scores are there.
func (o *evalOptions) runShard(cmd *cobra.Command, model *eqflow.Model, data particle.Batch) error {
	shard, err := campaign.ParseShard(o.shard)
	if err != nil {
		return err
	}
	if err := errors.Join(checkNpz(o.out), checkOutput(o.out, true)); err != nil {
		return err
	}
	job, err := campaign.Scoring(model, data, shard)
	if err != nil {
		return err
	}
	if kept, err := keptShard(cmd, job, o.out, o.force); kept || err != nil {
		return err
	}
	end := watch(cmd, model)
	scores, err := job.Score(model, data)
	end()
	if err != nil {
		return err
	}
	if err := dataset.WriteArrays(o.out, scores, true); err != nil {
		return err
	}
	from, to := shard.Range(data.Len())
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "scores   %d of %d in %s\n", to-from, data.Len(), o.out)
	return err
}

// check refuses flags that contradict each other.
func (o *evalOptions) check() error {
	if *o.evaluation.Samples < 0 || *o.evaluation.Compare < 0 {
		return inputErrorf("--samples %d, --compare %d; give 0 for none, or a positive number",
			*o.evaluation.Samples, *o.evaluation.Compare)
	}
	if *o.evaluation.Samples == 0 && len(o.variables) > 0 {
		return inputErrorf("--cv needs samples; leave --samples 0 out")
	}
	if (o.shard != "") != (o.out != "") {
		return inputErrorf("--shard i/n and --out FILE go together")
	}
	return o.divergence.check()
}

func (o *evalOptions) run(cmd *cobra.Command) error {
	if err := o.check(); err != nil {
		return err
	}
	model, done, err := o.molecule.load(cmd, o.compute, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.evaluation.Seed); err != nil {
		return err
	}
	if err := checkMemory("samples (--samples)", *o.evaluation.Samples, numbersPerSample(model), ""); err != nil {
		return err
	}
	batch, doubt, err := readData(cmd, model.Target, o.data, true)
	if err != nil {
		return asInput(err)
	}
	if o.shard != "" {
		return modelError(o.runShard(cmd, model, batch))
	}
	if err := o.readVariables(model, batch); err != nil {
		return asInput(err)
	}
	o.evaluation.Doubt = doubt
	end := watch(cmd, model)
	report, err := model.Evaluate(batch, o.evaluation)
	end()
	if err != nil {
		return err
	}
	return o.show(cmd, report)
}

// show prints the report, and keeps it beside the model.
func (o *evalOptions) show(cmd *cobra.Command, report evaluate.Report) error {
	kept := eqflow.KeepReport(o.folder, report)
	if errors.Is(kept, fs.ErrPermission) || errors.Is(kept, syscall.EROFS) {
		fmt.Fprintln(cmd.ErrOrStderr(), kept) // a folder of somebody else's is judged all the same
		kept = nil
	}
	if o.figures != "" {
		if err := saveFigures(cmd.ErrOrStderr(), report, o.figures); err != nil {
			return err
		}
	}
	if o.asJSON {
		return cmp.Or(writeSealedJSON(cmd.OutOrStdout(), report), kept)
	}
	showReport(cmd.OutOrStdout(), report)
	return kept
}

// readVariables reads the collective variables, and refuses a variable that the data do not have.
func (o *evalOptions) readVariables(model *eqflow.Model, data particle.Batch) error {
	for _, text := range o.variables {
		v, err := measure.ParseVariable(text, model.Target.Particles(), model.Target.Dim())
		if err != nil {
			return err
		}
		known := measure.Sample{X: data, Energy: withoutNaN(target.Energies(model.Target, data))}
		if _, err := v.Check(known); err != nil {
			return err
		}
		o.evaluation.Variables = append(o.evaluation.Variables, v)
	}
	return nil
}
