package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

const evalHelp = `Scores configurations with a trained generator, draws samples from it, and says whether the
figures may be trusted. The NLL is computed with the solver's own steps and again with two and
four times as many: a flow can learn to exploit its solver, and then they disagree. Held against
what is known of the system: the NLL of a fair sample cannot lie under the target's entropy
(--equilibrium=false for data that are no fair sample), and log Z from the weights must agree.

Beside the data it measures, as papers do: W2 over rotation, reflection and relabelling, W2 of
energies and of pair distances, total variation, radial distribution functions (--json,
--figures), and free energies along collective variables, reweighted. A collective variable is
an expression of a configuration:

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
	flags.IntVar(e.Compare, "compare", *e.Compare, "configurations of samples and data between which W2 is taken (0: none)")
	flags.StringArrayVar(&o.variables, "cv", nil, "a collective variable whose free energy is wanted, an `expression` (see above); may be repeated")
	flags.StringVar(&o.figures, "figures", "", "a `folder` for pictures of g(r) and free energies")
	flags.Uint64Var(&e.Seed, "seed", 0, "of the samples, and of the probes")
	flags.StringVar(&o.shard, "shard", "", "score a part of the data alone, `i/n` with i from 0 to n-1")
	flags.StringVar(&o.out, "out", "", "the `file` for the scores of --shard: .npz")
	flags.BoolVar(&o.force, "force", false, "with --shard: replace the file if it exists")
	flags.BoolVar(&e.Equilibrium, "equilibrium", true, "the data are a fair sample of the system")
	o.compute.add(cmd)
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

func (o *evalOptions) run(cmd *cobra.Command) error {
	if *o.evaluation.Samples == 0 && len(o.variables) > 0 {
		return inputErrorf("--cv needs samples; leave --samples 0 out")
	}
	if (o.shard != "") != (o.out != "") {
		return inputErrorf("--shard i/n and --out FILE go together")
	}
	if err := o.divergence.check(); err != nil {
		return err
	}
	model, done, err := o.compute.load(cmd, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.evaluation.Seed); err != nil {
		return err
	}
	batch, err := readFor(model.Target, o.data)
	if err != nil {
		return asInput(err)
	}
	if o.shard != "" {
		return modelError(o.runShard(cmd, model, batch))
	}
	if err := o.readVariables(model); err != nil {
		return asInput(err)
	}
	end := watch(cmd, model)
	report, err := model.Evaluate(batch, o.evaluation)
	end()
	if err != nil {
		return err
	}
	if err := eqflow.KeepReport(o.folder, report); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), err) // a folder of somebody else's is judged all the same
	}
	if o.figures != "" {
		if err := saveFigures(cmd.ErrOrStderr(), report, o.figures); err != nil {
			return err
		}
	}
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), report)
	}
	showReport(cmd.OutOrStdout(), report)
	return nil
}

// readVariables reads the collective variables.
func (o *evalOptions) readVariables(model *eqflow.Model) error {
	for _, text := range o.variables {
		v, err := measure.ParseVariable(text, model.Target.Particles(), model.Target.Dim())
		if err != nil {
			return err
		}
		o.evaluation.Variables = append(o.evaluation.Variables, v)
	}
	return nil
}

// saveFigures draws what the report has curves of.
func saveFigures(told io.Writer, r evaluate.Report, folder string) error {
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
		fmt.Fprintln(told, "eqflow: wrote", path)
	}
	return nil
}

func showReport(out io.Writer, r evaluate.Report) {
	fmt.Fprintf(out, "model    %s, %d parameters, trained for %d steps in %.0f s with %d energy evaluations\n", r.Flow, r.Parameters,
		r.TrainingSteps, r.TrainingSeconds, r.TrainingEnergies)
	fmt.Fprintf(out, "system   %s, %d configurations scored, %d samples drawn\n", r.System, r.N, r.Samples)
	fmt.Fprintf(out, "density  %s\ncomputed by %s\n", r.Noise.Describe(r.Method), r.Engine)
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
	fmt.Fprintf(out, "cost     %.3g effective samples a second on %s; %d energy evaluations in %.3g s\n", r.EffectivePerSec, r.Backend,
		r.EnergyEvaluations, r.SamplingSeconds)
	if r.Compared > 0 {
		showDistances(out, r.Distances)
	}
	for _, p := range r.FreeEnergies {
		showProfile(out, p)
	}
}

// showDistances prints a table of how far the samples are from the data.
func showDistances(out io.Writer, d measure.Distances) {
	fmt.Fprintf(out, "\nDistances of %d samples from as many of the data; the floor is that of the data from themselves.\n", d.Compared)
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
	fmt.Fprint(out, figure.Table{Headers: []string{"", "samples", "floor", "reweighted"}, Rows: [][]string{
		{"W2, geometric", number(d.W2), number(d.W2Floor), "–"},
		{"energy-W2 / kT", energy, number(d.EnergyW2Floor), number(d.EnergyW2Reweighted)},
		{"distance-W2", number(d.DistanceW2), number(d.DistanceW2Floor), number(d.DistanceW2Reweighted)},
		{"total variation", number(d.TotalVariation), number(d.TotalVariationFloor), number(d.TotalVariationReweighted)},
	}})
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
	fmt.Fprintf(out, "\n%sLargest difference %.3f kT; largest in standard errors %.1f.\n", table, kT, sigmas)
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
