package main

import (
	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// divergenceFlags are --divergence and --probes: how the divergence of the field is computed.
type divergenceFlags struct {
	method      string
	probes      int
	probesGiven func() bool
}

// defaultProbes is the default number of probes of Hutchinson's estimate.
const defaultProbes = 16

const divergenceHelp = `With --divergence hutchinson, log q is estimated: for flows of many particles, whose exact
divergence costs too much. The estimate is the mean of K = --probes products of the field's Jacobian
with random vectors; the exact divergence takes all (n-1)d directions. Two or more probes also give
the error s of each log q. The estimate of log q has no bias, but the weights have: log Z rises by
about s²/2, and the ESS falls to about exp(-s²) of its value. Neither is corrected.`

// addDivergenceFlags gives a command the flags --divergence and --probes.
func addDivergenceFlags(cmd *cobra.Command, d *divergenceFlags) {
	flags := cmd.Flags()
	flags.StringVar(&d.method, "divergence", engine.Exact,
		"`how` the field's divergence, and so log q, is computed: exact, or hutchinson (see above; egnn and mlp flows)")
	flags.IntVar(&d.probes, "probes", defaultProbes,
		"`K`, the number of random vectors per configuration of --divergence hutchinson")
	d.probesGiven = func() bool { return flags.Changed("probes") }
}

// check refuses flags that contradict each other, and values that do not exist.
func (d divergenceFlags) check() error {
	switch {
	case d.method != engine.Exact && d.method != engine.Hutchinson:
		return inputErrorf("--divergence %q: give exact or hutchinson", d.method)
	case d.method == engine.Exact && d.probesGiven():
		return inputErrorf("--probes %d goes with --divergence hutchinson; the exact divergence has none", d.probes)
	case d.probes < 1:
		return inputErrorf("--probes %d: give at least 1, or at least 2 for the error of log q", d.probes)
	}
	return nil
}

// apply sets how a model computes its divergence, with probes from a seed.
func (d divergenceFlags) apply(model *eqflow.Model, seed uint64) error {
	if d.method == engine.Exact {
		return nil
	}
	return asInput(model.SetDivergence(engine.Divergence{Probes: d.probes, Seed: seed}))
}
