package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

const mcmcHelp = `Draws configurations from a system's Boltzmann distribution by Markov chains, on all
cores: many independent chains from far-apart starts, whose first steps are thrown away
and set the step length. The same seed gives the same file on any number of cores.

Systems: dw4 (four particles in the plane, every pair in a double well), lj13 and lj55
(Lennard-Jones clusters; lj13-pairs counts each pair once), lj8+5 (eight particles of one type
and five of another), chain5 (a polymer of five beads with bonds, angles and torsions), and in
general dwN, ljN, ljN-pairs, ljA+B, chainN and harmonicNxD. Constants keep the named system's
values where the flags below give no others, or come from a file:
{"kind": "double-well", "n": 5, "d": 2, "constants": {"kt": 2}}
{"kind": "lennard-jones-mixture", "types": [8, 5], "d": 3, "constants": {"rm_bb": 0.7}}

The file is .npz (arrays x [n, particles, dimensions], u and a manifest), .npy or .xyz.
The summary shows the virial beside its exact value, (particles-1)*dimensions: far from
it, the chains were too short. Ctrl-C keeps what is finished.`

const mcmcExamples = `  eqflow mcmc --system dw4 -n 10000 --seed 1 --out dw4.npz
  eqflow mcmc --system dw4 --kt 2 -n 1000 --out warm.xyz
  eqflow mcmc --system chain5 -n 10000 --out chain.npz
  eqflow mcmc --system lj13 -n 1000 --sampler tempering --out lj13.npz --json
  eqflow mcmc --spec five.json -n 1000 --out five.npz`

// largestSet bounds the coordinates of one run, 16 GB of them: beyond lies a slip of the hand.
const largestSet = 1 << 31

// mcmcOptions are the flags of "eqflow mcmc".
type mcmcOptions struct {
	system             systemFlags
	n                  int
	seed               uint64
	out                string
	force, asJSON      bool
	sampler            string
	chains, burn, thin int
}

// newMcmcCommand draws equilibrium samples.
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
	flags.IntVarP(&o.n, "samples", "n", 1000, "how many configurations")
	flags.Uint64Var(&o.seed, "seed", 0, "seed: the same one gives the same file")
	flags.StringVar(&o.out, "out", "", "the `file` to write: .npz, .npy or .xyz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	flags.StringVar(&o.sampler, "sampler", string(mcmc.Auto), "auto, metropolis, mala or tempering")
	flags.IntVar(&o.chains, "chains", 0, "independent chains (0: a good number)")
	flags.IntVar(&o.burn, "burn", 0, "steps of each chain before the first configuration is kept (0: enough)")
	flags.IntVar(&o.thin, "thin", 0, "steps between kept configurations of a chain (0: enough)")
	addJSONFlag(cmd, &o.asJSON)
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

func (o *mcmcOptions) run(cmd *cobra.Command) error {
	t, spec, err := o.system.target(cmd)
	if err != nil {
		return asInput(err)
	}
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
	summary.Chains, summary.Burn, summary.Thin = info.ChainsStarted, plan.Settings.Burn, plan.Settings.Thin
	summary.Acceptance, summary.SwapAcceptance, summary.StepLength = info.Acceptance(), info.SwapAcceptance(), info.Scale()
	summary.Seconds = time.Since(began).Seconds()
	if err := o.write(t, batch, summary); err != nil {
		return err
	}
	if shown := summary.show(cmd.OutOrStdout(), o.asJSON); shown != nil {
		return shown
	}
	return err
}

// plan is the default recipe, changed where flags say so.
func (o *mcmcOptions) plan(t target.Target) (mcmc.Plan, error) {
	if o.chains < 0 || o.burn < 0 || o.thin < 0 {
		return mcmc.Plan{}, fmt.Errorf("%d chains, burn %d, thin %d; give numbers that are not negative", o.chains, o.burn, o.thin)
	}
	if o.n > largestSet/(t.Particles()*t.Dim()) {
		return mcmc.Plan{}, fmt.Errorf("%d configurations of %s do not fit into memory; ask for fewer", o.n, t.Name())
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
	if o.burn > 0 {
		s.Burn = o.burn
	}
	if o.thin > 0 {
		s.Thin = o.thin
	}
	return plan, nil
}

// sampleWithProgress runs a plan and shows on stderr how far it is.
func sampleWithProgress(ctx context.Context, t target.Target, plan mcmc.Plan) (particle.Batch, mcmc.Info, error) {
	s := plan.Settings
	bar := newProgress(int64(s.Chains)*int64(s.Burn+s.Keep*s.Thin), "steps of "+t.Name())
	defer bar.Finish()
	plan.Settings.Progress = func(done, _ int) { bar.Set(int64(done)) }
	return mcmc.Run(ctx, t, plan.Move, plan.Start, plan.Settings)
}

// mcmcSummary is the result of "eqflow mcmc".
type mcmcSummary struct {
	System         string         `json:"system"`
	Spec           target.Spec    `json:"spec"`
	N              int            `json:"n"`
	Complete       bool           `json:"complete"` // false where Ctrl-C came first
	Seed           uint64         `json:"seed"`
	Out            string         `json:"out"`
	Sampler        string         `json:"sampler"`
	Chains         int            `json:"chains"`
	Burn           int            `json:"burn"`
	Thin           int            `json:"thin"`
	Acceptance     float64        `json:"acceptance"`
	SwapAcceptance float64        `json:"swap_acceptance,omitempty"`
	StepLength     float64        `json:"step_length"`
	MeanEnergy     stats.Estimate `json:"mean_energy"`
	Virial         stats.Estimate `json:"virial"`
	VirialExact    int            `json:"virial_exact"`
	// LongPairShares is the share of configurations with k = 0, 1, … pairs beyond the barrier; pair wells only.
	LongPairShares []float64 `json:"long_pair_shares,omitempty"`
	Seconds        float64   `json:"seconds"`

	energies []float64
}

// summarise measures samples of which each run of keep comes from one chain: only chains count as independent.
func summarise(t target.Target, batch particle.Batch, keep int) mcmcSummary {
	u, virial := make([]float64, batch.Len()), make([]float64, batch.Len())
	forces := make([]float64, batch.N*batch.D)
	for i := range u {
		u[i] = t.EnergyForces(batch.At(i), forces)
		for k, x := range batch.At(i) {
			virial[i] -= x * forces[k]
		}
	}
	s := mcmcSummary{
		System: t.Name(), N: batch.Len(), VirialExact: target.DegreesOfFreedom(t), energies: u,
		MeanEnergy: chainEstimate(u, keep), Virial: chainEstimate(virial, keep),
	}
	if wells, ok := t.(target.PairWells); ok {
		s.LongPairShares = target.LongPairShares(batch, wells.Cutoff())
	}
	return s
}

// chainEstimate is the mean of all values with an error from the means of runs of keep.
func chainEstimate(values []float64, keep int) stats.Estimate {
	var means []float64
	for chain := range slices.Chunk(values, keep) {
		sum := 0.0
		for _, v := range chain {
			sum += v
		}
		means = append(means, sum/float64(len(chain)))
	}
	estimate := stats.Mean(means, nil, stats.Bootstrap{})
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	estimate.Value = sum / float64(len(values))
	return estimate
}

// write stores the samples with their energies and origin.
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
		System: t.Name(), Spec: spec, Seed: o.seed, Settings: settings, CreatedBy: "eqflow mcmc",
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

// show prints the summary for people or scripts.
func (s mcmcSummary) show(out io.Writer, asJSON bool) error {
	if asJSON {
		return writeJSON(out, s)
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	state := ""
	if !s.Complete {
		state = " (stopped early)"
	}
	fmt.Fprintf(table, "file\t%s: %d configurations of %s%s\n", s.Out, s.N, s.System, state)
	fmt.Fprintf(table, "chains\t%d, burn-in %d, every %d steps\n", s.Chains, s.Burn, s.Thin)
	fmt.Fprintf(table, "acceptance\t%.1f %%, step length %.3g\n", 100*s.Acceptance, s.StepLength)
	if s.SwapAcceptance > 0 {
		fmt.Fprintf(table, "exchanges\t%.1f %%\n", 100*s.SwapAcceptance)
	}
	fmt.Fprintf(table, "mean energy\t%.3f ± %.3f kT\n", s.MeanEnergy.Value, s.MeanEnergy.Error)
	fmt.Fprintf(table, "virial\t%.2f ± %.2f, exact %d\n", s.Virial.Value, s.Virial.Error, s.VirialExact)
	for k, share := range s.LongPairShares {
		if share > 0 {
			fmt.Fprintf(table, "%d long pairs\t%.4f\n", k, share)
		}
	}
	return table.Flush()
}

// checkOutput refuses a file that could not be written in the end, before work is put into it.
func checkOutput(path string, force bool) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".npz", ".npy", ".xyz", ".extxyz":
	default:
		return inputErrorf("%s: not a kind of file that can be written; name it .npz, .npy or .xyz", path)
	}
	if info, err := os.Stat(path); err == nil && (info.IsDir() || !force) {
		return inputErrorf("%s exists; give another name, or --force to replace the file", path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return inputErrorf("%s: its folder does not exist; make it with mkdir -p %s", path, filepath.Dir(path))
	}
	return nil
}

// systemFlags name a system: by name, by settings file, and single constants by flags of their own.
type systemFlags struct {
	name, spec, convention string
	constants              map[string]*float64
}

// add gives a command the flags.
func (s *systemFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.name, "system", "", "the system's `name`: "+strings.Join(target.Names(), ", ")+", such as dw4, lj13, chain5")
	flags.StringVar(&s.spec, "spec", "", "a settings `file` (JSON) in place of --system")
	flags.StringVar(&s.convention, "convention", "", "Lennard-Jones and its mixtures: ordered (each pair twice) or pairs (each once)")
	s.constants = map[string]*float64{}
	for name, help := range target.ConstantHelp() {
		s.constants[name] = flags.Float64(flagOf(name), 0, help)
	}
}

// flagOf is the flag of a constant.
func flagOf(constant string) string { return strings.ReplaceAll(constant, "_", "-") }

// given tells whether any of the flags is.
func (s *systemFlags) given(cmd *cobra.Command) bool {
	given := s.name != "" || s.spec != "" || s.convention != ""
	for name := range s.constants {
		given = given || cmd.Flags().Changed(flagOf(name))
	}
	return given
}

// target is the system that the flags name, and its spec with all constants.
func (s *systemFlags) target(cmd *cobra.Command) (target.Target, target.Spec, error) {
	spec, err := s.named()
	if err != nil {
		return nil, spec, err
	}
	for name, value := range s.constants {
		if cmd.Flags().Changed(flagOf(name)) {
			if spec.Constants == nil {
				spec.Constants = map[string]float64{}
			}
			spec.Constants[name] = *value
		}
	}
	if s.convention != "" {
		spec.Convention = target.Convention(s.convention)
	}
	t, err := target.FromSpec(spec)
	if err != nil {
		return nil, spec, err
	}
	spec, err = target.SpecOf(t)
	return t, spec, err
}

// named is the spec before single constants change it.
func (s *systemFlags) named() (target.Spec, error) {
	if (s.name == "") == (s.spec == "") {
		return target.Spec{}, errors.New("give the system either by --system NAME, such as dw4, or by --spec FILE")
	}
	if s.spec != "" {
		return target.ReadSpec(s.spec)
	}
	t, err := target.Parse(s.name)
	if err != nil {
		return target.Spec{}, err
	}
	return target.SpecOf(t)
}
