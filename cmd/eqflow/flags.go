package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/xla"
)

// addBackendFlag gives a command the flag --backend.
func addBackendFlag(cmd *cobra.Command, spec *string) {
	cmd.Flags().StringVar(spec, "backend", xla.Auto, "what compiles graphs: auto, cuda, cpu, go, or the `path` of a PJRT plugin")
}

// computeFlags are --backend, --engine and --devices: what computes a model.
type computeFlags struct {
	backend, engine string
	devices         int
}

// add gives a command the flags.
func (c *computeFlags) add(cmd *cobra.Command) {
	addBackendFlag(cmd, &c.backend)
	addEngineFlag(cmd, &c.engine)
	cmd.Flags().IntVar(&c.devices, "devices", 1,
		"how many of the backend's devices share every batch; on the CPU, to try it out, as many as you ask for")
}

// addEngineFlag gives a command the flag --engine.
func addEngineFlag(cmd *cobra.Command, kind *string) {
	cmd.Flags().StringVar(kind, "engine", string(engine.Default()),
		"what computes the flow: auto (the fastest), graph (the backend's graphs) or host (C for egnn, Go for kernel; "+
			"onehop, mlp and realnvp run on graphs alone)")
}

// check refuses an engine that does not exist.
func (c computeFlags) check() error {
	if !slices.Contains(engine.Kinds, engine.Kind(c.engine)) {
		return inputErrorf("--engine %q: give auto, graph or host", c.engine)
	}
	return nil
}

// load opens the backend and the model of a folder. The caller closes the backend through done.
func (c computeFlags) load(cmd *cobra.Command, folder string) (model *eqflow.Model, done func(), err error) {
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	backend, err := openBackend(cmd, c.backend, c.devices)
	if err != nil {
		return nil, nil, err
	}
	if model, _, err = eqflow.LoadWith(backend.Backend, folder, engine.Kind(c.engine)); err == nil {
		err = model.Share(c.devices)
	}
	if err != nil {
		backend.Close()
		return nil, nil, modelError(err)
	}
	return model, backend.Close, context.Cause(cmd.Context())
}

// divergenceFlags are --divergence and --probes.
type divergenceFlags struct {
	way    string
	probes int
	given  func() bool // whether --probes is
}

// usualProbes is how many probes Hutchinson's estimate takes where nothing is said.
const usualProbes = 16

const divergenceHelp = `With --divergence hutchinson log q is estimated, for flows of many particles whose exact
divergence costs too much: the divergence is the mean of K = --probes products of the field's
Jacobian with random vectors, where the exact one takes all (n-1)d directions. Two probes or more
also tell the error s of each log q. log q has no bias by it, but the weights do: log Z rises by
about s²/2, and the ESS falls to about exp(-s²) of what it was. Neither is corrected.`

// addDivergenceFlags gives a command the flags --divergence and --probes.
func addDivergenceFlags(cmd *cobra.Command, d *divergenceFlags) {
	flags := cmd.Flags()
	flags.StringVar(&d.way, "divergence", engine.Exact, "`how` log q comes by the field's: exact, or hutchinson (see above), of egnn and mlp flows")
	flags.IntVar(&d.probes, "probes", usualProbes, "`K`, the random vectors of --divergence hutchinson for each configuration")
	d.given = func() bool { return flags.Changed("probes") }
}

// check refuses flags that do not make sense.
func (d divergenceFlags) check() error {
	switch {
	case d.way != engine.Exact && d.way != engine.Hutchinson:
		return inputErrorf("--divergence %q: give exact or hutchinson", d.way)
	case d.way == engine.Exact && d.given():
		return inputErrorf("--probes %d goes with --divergence hutchinson; the exact divergence takes none", d.probes)
	case d.probes < 1:
		return inputErrorf("--probes %d: give at least 1, and 2 or more to be told the error of log q", d.probes)
	}
	return nil
}

// apply makes a model find its divergence so, by probes of a seed.
func (d divergenceFlags) apply(model *eqflow.Model, seed uint64) error {
	if d.way == engine.Exact {
		return nil
	}
	return asInput(model.SetDivergence(engine.Divergence{Probes: d.probes, Seed: seed}))
}

// addJSONFlag gives a command the flag --json.
func addJSONFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print the result as JSON")
}

// openBackend opens what --backend asked for and says on stderr which one it is and why. The caller closes it.
func openBackend(cmd *cobra.Command, spec string, devices int) (*xla.Opened, error) {
	o, err := xla.OpenDevices(spec, devices)
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: computing with", o)
	return o, nil
}

// openOrInstall opens what was asked for, and installs the CPU plugin first if it is what auto lacks. The caller closes it.
func openOrInstall(ctx context.Context, stderr io.Writer, spec string) (*xla.Opened, error) {
	opened, err := xla.Open(spec)
	if err != nil {
		return nil, err
	}
	if !opened.IsXLA() && spec == xla.Auto && os.Getenv(xla.EnvBackend) == "" {
		fmt.Fprintln(stderr, "eqflow: installing the XLA CPU plugin (66 MB)")
		if _, err := xla.Install(ctx, xla.CPU, xla.InstallOptions{}); err != nil {
			if ctx.Err() != nil {
				return nil, err
			}
			fmt.Fprintf(stderr, "eqflow: no XLA (%s); going on with the Go backend\n", oneLine(err))
		}
		opened.Close()
		if opened, err = xla.Open(spec); err != nil {
			return nil, err
		}
	}
	fmt.Fprintln(stderr, "eqflow: computing with", opened)
	return opened, nil
}

// writeJSON prints a value for scripts, indented for people.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("the result cannot be written as JSON: %w", err)
	}
	return nil
}
