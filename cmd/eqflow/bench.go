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

const benchHelp = `Times eqflow and the programs that it is measured against at the same work, in turns, and prints
one table: the fastest and the median call, the processor time of a call over all cores (CPU), how
many times as long the fastest is as eqflow's (× eqflow) and as the floor's (× floor), the seconds of the first call, which compiles, the most memory, and the
largest relative error against a reference in float64. What is wrong is not timed.

Peers: floor is C by hand on all cores (needs gcc), graphs is eqflow by the backend's graphs alone,
as a GPU runs it, go is eqflow's graphs on GoMLX's Go backend, jax and torch are the same maths written for JAX and PyTorch, tuned and plain; a Python environment for
each is made in the user's cache folder the first time.

Work: train (a step of training by likelihood), sample (with log-density), likelihood, matching (a
step of flow matching). Systems: dw4, lj13, lj55, or one batch of them, as in dw4:256. Two works
are done only when named: growth follows the cost of a step along batch, particles and solver
steps; quality trains on DW4, from three seeds, until the generator is good, compiling included.

Nothing else should run meanwhile. All of it takes about an hour; --quick, one case, a minute.`

// benchOptions are the flags of "eqflow bench".
type benchOptions struct {
	peers, systems, work, flows []string
	quick, asJSON               bool
	out, from                   []string
	seconds                     float64
	backend, engine             string
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure eqflow against JAX, PyTorch and C", Long: benchHelp, Args: noArguments,
		Example: "  eqflow bench --quick\n  eqflow bench --peers floor,jax --systems dw4:256 --work train,sample\n  eqflow bench --peers floor,go,jax,torch --out bench.json,bench.png",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.peers, "peers", []string{"floor", "graphs"}, "`whom` to measure against: floor, graphs, go, jax, torch")
	flags.StringSliceVar(&o.systems, "systems", nil, "only these `systems`, such as dw4:256,lj13")
	flags.StringSliceVar(&o.work, "work", nil, "only this `work`: train, sample, likelihood, matching; or growth, quality")
	flags.StringSliceVar(&o.flows, "flow", nil, "only these `flows`: kernel, egnn")
	flags.BoolVar(&o.quick, "quick", false, "training on DW4 with a batch of 256 alone, and shortly")
	flags.Float64Var(&o.seconds, "seconds", 10, "of each contender in each case, in five rounds")
	flags.StringSliceVar(&o.out, "out", nil, "`files` for the result: .json, .md or .png")
	flags.StringSliceVar(&o.from, "from", nil, "show earlier results, from these JSON `files`, in place of measuring")
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

// plan reads the flags.
func (o *benchOptions) plan() (bench.Plan, error) {
	if o.quick {
		o.systems, o.work, o.flows = orStrings(o.systems, "dw4:256"), orStrings(o.work, "train"), orStrings(o.flows, "kernel")
		o.seconds = min(o.seconds, 2)
	}
	plan := bench.Plan{Peers: o.peers, Backend: o.backend, Engine: engine.Kind(o.engine), Seconds: o.seconds, Rounds: 5}
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
	if err := bench.KnownPeers(o.peers); err != nil {
		return plan, err
	}
	var err error
	plan.Cases, err = bench.Cases(o.systems, o.work, o.flows)
	return plan, err
}

func orStrings(given []string, otherwise string) []string {
	if len(given) > 0 {
		return given
	}
	return []string{otherwise}
}

func (o *benchOptions) measure(cmd *cobra.Command, plan bench.Plan) (bench.Result, error) {
	cache, err := gonb.CacheFolder()
	if err != nil {
		return bench.Result{}, err
	}
	line := newStatus(cmd.ErrOrStderr(), "bench")
	defer line.clear()
	plan.Cache, plan.Tell = filepath.Join(cache, "bench"), func(text string) { line.show("%s", text) }
	return o.works(cmd.Context(), plan)
}

// works does the usual works, and those that were named.
func (o *benchOptions) works(ctx context.Context, plan bench.Plan) (result bench.Result, err error) {
	var parts []bench.Result
	do := func(part bench.Result, failed error) {
		parts, err = append(parts, part), errors.Join(err, failed)
	}
	if len(plan.Cases) > 0 {
		do(plan.Run(ctx))
	}
	if slices.Contains(o.work, bench.Growth) && ctx.Err() == nil {
		do(plan.Growth(ctx))
	}
	for _, flow := range bench.Flows {
		if slices.Contains(o.work, bench.Quality) && (len(o.flows) == 0 || slices.Contains(o.flows, flow)) && ctx.Err() == nil {
			do(plan.Race(ctx, bench.Races[flow]))
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
