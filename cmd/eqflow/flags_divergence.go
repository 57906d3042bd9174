package main

import (
	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

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
