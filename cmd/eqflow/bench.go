package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/bench"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

const benchHelp = `Measures eqflow and other programs at the same work, in turns, and prints one table. Its columns
are: the fastest and the median call; the processor time of a call over all cores (CPU); the fastest
call in multiples of eqflow's (× eqflow) and of the floor's (× floor); the time of the first call,
which compiles; the largest memory; and the largest relative error against a reference in float64. A
program that is wrong is not timed.

Peers:
  floor    C by hand, on all cores (needs gcc)
  graphs   eqflow by the backend's graphs alone, as a GPU runs it
  go       eqflow by its graphs on GoMLX's Go backend
  jax      the same maths in JAX, tuned and plain
  torch    the same maths in PyTorch, tuned and plain
  openmm   a molecule's energies by OpenMM's platforms Reference and CPU, for --work energies
For jax, torch and openmm, the first run makes a Python environment in the user's cache folder.

Work: train (a step of training by likelihood), sample (with log-density), likelihood, and matching
(a step of flow matching). Three more are done only if they are named. energies computes energies
and forces of 128 configurations of alanine dipeptide in an implicit solvent. growth measures how
the cost of a step grows with the batch, the particles and the solver steps. quality trains on DW4,
from three seeds, until the generator is good, and counts the compilation.

Systems: dw4, lj13, lj55, or one batch size of a system, as in dw4:256.

Nothing else should run meanwhile. The whole benchmark takes about an hour. With --quick (one case)
it takes a minute.`

const benchExamples = `  eqflow bench --quick
  eqflow bench --peers floor,jax --systems dw4:256 --work train,sample
  eqflow bench --peers floor,go,jax,torch --out bench.json,bench.png`

// benchOptions are the flags of "eqflow bench".
type benchOptions struct {
	peers, systems, work, flows []string
	quick, asJSON               bool
	out, from                   []string
	seconds                     float64
	backend, engine             string
}

// newBenchCommand measures eqflow beside other programs.
func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:     "bench",
		Short:   "Measure eqflow against JAX, PyTorch and C",
		Long:    benchHelp,
		Example: benchExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.peers, "peers", []string{"floor", "graphs"},
		"the `programs` to measure against: floor, graphs, go, jax, torch, openmm")
	flags.StringSliceVar(&o.systems, "systems", nil, "only these `systems`, such as dw4:256,lj13")
	flags.StringSliceVar(&o.work, "work", nil,
		"only this `work`: train, sample, likelihood, matching; or energies, growth, quality")
	flags.StringSliceVar(&o.flows, "flow", nil, "only these `flows`: kernel, egnn")
	flags.BoolVar(&o.quick, "quick", false, "only training on DW4 with a batch of 256, for 2 seconds")
	flags.Float64Var(&o.seconds, "seconds", 10, "seconds of each contender in each case, in five rounds")
	flags.StringSliceVar(&o.out, "out", nil, "`files` for the result: .json, .md or .png")
	flags.StringSliceVar(&o.from, "from", nil, "show the results in these JSON `files`, and measure nothing")
	addBackendFlag(cmd, &o.backend)
	addEngineFlag(cmd, &o.engine)
	addJSONFlag(cmd, &o.asJSON)
	return cmd
}

func (o *benchOptions) run(cmd *cobra.Command) error {
	plan, err := o.plan()
	if err != nil {
		return asInput(err)
	}
	result, failed := bench.Result{}, error(nil)
	if len(o.from) > 0 {
		if result, err = bench.Read(o.from); err != nil {
			return asInput(err)
		}
	} else {
		result, failed = o.measure(cmd, plan)
	}
	if failed != nil && len(result.Tables()) == 0 {
		return failed
	}
	if err := o.show(cmd.OutOrStdout(), result); err != nil {
		return err
	}
	return failed
}

// plan is the work that the flags ask for.
func (o *benchOptions) plan() (bench.Plan, error) {
	if o.quick {
		o.useQuickCase()
	}
	plan := bench.Plan{
		Peers: o.peers, Backend: o.backend, Engine: engine.Kind(o.engine), Seconds: o.seconds, Rounds: 5,
	}
	if err := (computeFlags{engine: o.engine}).check(); err != nil {
		return plan, err
	}
	if !(o.seconds > 0) {
		return plan, fmt.Errorf("--seconds %g; give a positive number", o.seconds)
	}
	for _, path := range o.out {
		if err := bench.Writable(path); err != nil {
			return plan, fmt.Errorf("--out: %w", err)
		}
	}
	if err := bench.KnownPeers(o.peers, o.work); err != nil {
		return plan, err
	}
	var err error
	plan.Cases, err = bench.Cases(o.systems, o.work, o.flows)
	return plan, err
}

// useQuickCase chooses the case of --quick, where the flags do not choose another.
func (o *benchOptions) useQuickCase() {
	for flag, value := range map[*[]string]string{&o.systems: "dw4:256", &o.work: "train", &o.flows: "kernel"} {
		if len(*flag) == 0 {
			*flag = []string{value}
		}
	}
	o.seconds = min(o.seconds, 2)
}

// measure runs the plan, and shows what goes on.
func (o *benchOptions) measure(cmd *cobra.Command, plan bench.Plan) (bench.Result, error) {
	cache, err := gonb.CacheFolder()
	if err != nil {
		return bench.Result{}, err
	}
	line := newStatus(cmd.ErrOrStderr(), "bench")
	defer line.clear()
	plan.Cache, plan.Report = filepath.Join(cache, "bench"), func(text string) { line.show("%s", text) }
	return o.runWork(cmd.Context(), plan)
}

// runWork does the cases of the plan, and the growth and quality measurements if they are named.
func (o *benchOptions) runWork(ctx context.Context, plan bench.Plan) (result bench.Result, err error) {
	var parts []bench.Result
	add := func(part bench.Result, failed error) {
		parts, err = append(parts, part), errors.Join(err, failed)
	}
	if len(plan.Cases) > 0 {
		add(plan.Run(ctx))
	}
	if slices.Contains(o.work, string(bench.Energies)) && ctx.Err() == nil {
		add(plan.Molecule(ctx))
	}
	if slices.Contains(o.work, bench.Growth) && ctx.Err() == nil {
		add(plan.Growth(ctx))
	}
	for _, flow := range bench.Flows {
		chosen := len(o.flows) == 0 || slices.Contains(o.flows, flow)
		if slices.Contains(o.work, bench.Quality) && chosen && ctx.Err() == nil {
			add(plan.Race(ctx, bench.Races[flow]))
		}
	}
	return bench.Join(parts), err
}

// show prints the result and writes it to the files.
func (o *benchOptions) show(out io.Writer, result bench.Result) error {
	for _, path := range o.out {
		if err := result.Write(path); err != nil {
			return err
		}
	}
	if o.asJSON {
		return writeJSON(out, result)
	}
	for _, table := range result.Tables() {
		fmt.Fprintln(out, table.String())
	}
	fmt.Fprintln(out, result.Legend())
	return nil
}
