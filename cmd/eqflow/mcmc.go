package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const mcmcHelp = `Draws configurations from a system's Boltzmann distribution by Markov chains, on all cores. Many
independent chains start far apart. Their first steps set the step length and are discarded. The
same seed gives the same file on any number of cores.

Systems:
  dw4          four particles in the plane; every pair is in a double well
  lj13, lj55   Lennard-Jones clusters; lj13-pairs counts each pair once
  lj8+5        a cluster of eight particles of one type and five of another
  chain5       a polymer of five beads with bonds, angles and torsions
In general: dwN, ljN, ljN-pairs, ljA+B, chainN and harmonicNxD. Flags change single constants of the
named system. A file can give them too, for --spec:
  {"kind": "double-well", "n": 5, "d": 2, "constants": {"kt": 2}}
  {"kind": "lennard-jones-mixture", "types": [8, 5], "d": 3, "constants": {"rm_bb": 0.7}}

A molecule is a System file of OpenMM (--openmm) or an Amber topology (--amber, in the solvent of
--solvent), with --structure for the start and the names. Its replicas move by Hamiltonian Monte
Carlo at the temperatures of --ladder and exchange neighbours. Independent ladders (--chains, by
default 32) give all errors. --burn and --thin count rounds: a trajectory of each replica, then the
exchanges. Lengths are in nm. --cv follows variables: their autocorrelation, the share of positive
values with a verdict, and free energies by MBAR over all temperatures. Ctrl-C keeps the work in a
checkpoint, and the same command continues it.

The output is .npz (arrays x [n, particles, dimensions], u and a manifest), .npy or .xyz. The
summary shows the virial beside its exact value, (particles-1)*dimensions. If the two are far apart,
the chains are too short. Ctrl-C keeps the finished configurations. The same command then draws all
of them, and replaces the file if it is an .npz or an .xyz.`

const mcmcExamples = `  eqflow mcmc --system dw4 -n 10000 --seed 1 --out dw4.npz
  eqflow mcmc --system dw4 --kt 2 -n 1000 --out warm.xyz
  eqflow mcmc --system chain5 -n 10000 --out chain.npz
  eqflow mcmc --system lj13 -n 1000 --sampler tempering --out lj13.npz --json
  eqflow mcmc --openmm aldp.xml --structure aldp.pdb --ladder 300:1200:8 -n 100000 \
    --cv 'phi=dihedral(4,6,8,10)' --out aldp.npz
  eqflow mcmc --amber aldp.prmtop --solvent obc1 --structure aldp.rst7 -n 10000 --out aldp.npz
  eqflow mcmc --spec five.json -n 1000 --out five.npz`

// largestSet bounds the number of coordinates of one run, at 16 GB. A larger number is a typing
// error.
const largestSet = 1 << 31

// mostSteps bounds the steps of all chains. A larger number is a typing error.
const mostSteps = 1e15

// mcmcOptions are the flags of "eqflow mcmc".
type mcmcOptions struct {
	system             systemFlags
	n                  int
	seed               uint64
	out                string
	force, asJSON      bool
	sampler            string
	chains, burn, thin int
	chainsOfMolecule   moleculeChains
}

// newMcmcCommand draws equilibrium samples by Markov chains.
func newMcmcCommand() *cobra.Command {
	var o mcmcOptions
	cmd := &cobra.Command{
		Use:     "mcmc --system NAME -n N --seed S --out FILE",
		Short:   "Draw configurations by Markov chains",
		Long:    mcmcHelp,
		Example: mcmcExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.system.add(cmd)
	flags := cmd.Flags()
	flags.IntVarP(&o.n, "samples", "n", 1000, "number of configurations")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the chains")
	flags.StringVar(&o.out, "out", "", "the `file` to write: .npz, .npy or .xyz; of a molecule also .pdb and .dcd")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.StringVar(&o.sampler, "sampler", string(mcmc.Auto), "the `sampler`: auto, metropolis, mala or tempering")
	flags.IntVar(&o.chains, "chains", 0,
		"number of independent chains (0: chosen for the system)")
	flags.IntVar(&o.burn, "burn", 0,
		"steps of each chain before its first kept configuration (0: chosen for the system)")
	flags.IntVar(&o.thin, "thin", 0,
		"steps between kept configurations of a chain (0: chosen for the system)")
	o.chainsOfMolecule.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	require(cmd, "out")
	return cmd
}

func (o *mcmcOptions) run(cmd *cobra.Command) error {
	t, spec, err := o.system.target(cmd)
	if err != nil {
		return asInput(err)
	}
	if c, ok := t.(*ensemble.Canonical); ok {
		return o.runMolecule(cmd, c, spec)
	}
	if err := o.chainsOfMolecule.refuse(t.Name()); err != nil {
		return asInput(err)
	}
	o.force = o.force || o.interrupted(cmd, t)
	if err := checkOutput(o.out, o.force); err != nil {
		return err
	}
	plan, err := o.plan(t)
	if err != nil {
		return asInput(err)
	}
	began := time.Now()
	batch, info, err := sampleWithProgress(cmd.Context(), t, plan)
	if batch.Len() > o.n {
		batch = batch.Slice(0, o.n)
	}
	if err != nil && (batch.Len() == 0 || !errors.Is(err, context.Canceled)) {
		return err
	}
	summary := summarise(t, batch, plan.Settings.Keep)
	summary.Spec, summary.Seed, summary.Out, summary.Sampler = spec, o.seed, o.out, o.sampler
	summary.Complete = err == nil
	summary.addRun(plan.Settings, info)
	summary.Seconds = time.Since(began).Seconds()
	if err := o.write(t, batch, summary); err != nil {
		return err
	}
	if shown := summary.show(cmd.OutOrStdout(), o.asJSON); shown != nil {
		return shown
	}
	if err == nil {
		err = summary.checkVirial()
	}
	return err
}

// interrupted reports whether the output file is what Ctrl-C left of this command, and says so.
// Such a file is replaced.
func (o *mcmcOptions) interrupted(cmd *cobra.Command, t target.Target) bool {
	if _, err := os.Stat(o.out); err != nil {
		return false
	}
	set, err := readFor(t, o.out)
	var settings struct {
		Sampler  string `json:"sampler"`
		Complete *bool  `json:"complete"`
	}
	if err != nil || json.Unmarshal(set.Manifest.Settings, &settings) != nil {
		return false
	}
	partial := settings.Complete != nil && !*settings.Complete && settings.Sampler == o.sampler &&
		set.Manifest.CreatedBy == createdByMcmc && set.Manifest.Seed == o.seed && set.Batch.Len() < o.n
	if partial {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s holds %d configurations of an interrupted run; "+
			"all %d are drawn and replace it\n", o.out, set.Batch.Len(), o.n)
	}
	return partial
}

// createdByMcmc is the origin in the manifest of this command's files.
const createdByMcmc = "eqflow mcmc"

// plan is the default plan for the system, with the changes that the flags ask for.
func (o *mcmcOptions) plan(t target.Target) (mcmc.Plan, error) {
	if o.chains < 0 || o.burn < 0 || o.thin < 0 {
		return mcmc.Plan{}, fmt.Errorf("--chains %d, --burn %d, --thin %d; give numbers that are not negative",
			o.chains, o.burn, o.thin)
	}
	if most := largestSet / (t.Particles() * t.Dim()); o.n > most {
		return mcmc.Plan{}, fmt.Errorf("%d configurations of %s do not fit into memory; ask for fewer, at most %d",
			o.n, t.Name(), most)
	}
	// a configuration stands in the chains and in the set, with its energy
	if err := checkMemory("configurations", o.n, 2*t.Particles()*t.Dim()+1, ""); err != nil {
		return mcmc.Plan{}, err
	}
	plan, err := mcmc.Defaults(t, o.n, mcmc.Sampler(o.sampler), o.seed)
	if err != nil {
		return plan, err
	}
	s := &plan.Settings
	if o.chains > 0 {
		s.Chains = min(o.chains, o.n)
		s.Keep = (o.n + s.Chains - 1) / s.Chains
	}
	s.Burn, s.Thin = cmp.Or(o.burn, s.Burn), cmp.Or(o.thin, s.Thin)
	if steps := float64(s.Chains) * (float64(s.Burn) + float64(s.Keep)*float64(s.Thin)); steps > mostSteps {
		return plan, fmt.Errorf("%.3g steps of all chains would take years; give a smaller --burn or --thin", steps)
	}
	return plan, nil
}

// sampleWithProgress runs a plan and shows its progress on stderr.
func sampleWithProgress(ctx context.Context, t target.Target, plan mcmc.Plan) (particle.Batch, mcmc.Info, error) {
	s := plan.Settings
	bar := newProgress(int64(s.Chains)*int64(s.Burn+s.Keep*s.Thin), "steps of "+t.Name())
	defer bar.Finish()
	plan.Settings.Progress = func(done, _ int) { bar.Set(int64(done)) }
	return mcmc.Run(ctx, t, plan.Move, plan.Start, plan.Settings)
}

// write writes the samples with their energies and their origin.
func (o *mcmcOptions) write(t target.Target, batch particle.Batch, summary mcmcSummary) error {
	spec, err := json.Marshal(summary.Spec)
	if err != nil {
		return err
	}
	settings, err := json.Marshal(map[string]any{
		"sampler": o.sampler, "chains": summary.Chains, "burn": summary.Burn, "thin": summary.Thin,
		"step_length": summary.StepLength, "complete": summary.Complete,
	})
	if err != nil {
		return err
	}
	set := dataset.Set{Batch: batch, Manifest: dataset.Manifest{
		System: t.Name(), Spec: spec, Seed: o.seed, Settings: settings, CreatedBy: createdByMcmc,
	}}
	if strings.ToLower(filepath.Ext(o.out)) != ".npy" {
		set.Arrays = dataset.Arrays{dataset.Float64("u", summary.energies, batch.Len())}
	}
	if err := dataset.Write(o.out, set, o.force); err != nil {
		if errors.Is(err, dataset.ErrInput) {
			return asInput(err)
		}
		return err
	}
	return nil
}
