package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const sampleHelp = `Draws configurations from a trained generator, with what reweighting needs: the log-density
log_q, the reduced energy u and the log-weight log_w = -u - log_q, each in nats. The .npz opens
with numpy.load, the .xyz in OVITO, VMD and ASE. The same seed gives the same samples.

With --shard i/n it draws the i-th of n equal parts of -n samples, i from 0 to n-1, for job
arrays and several machines (docker/ has examples for Slurm and Kubernetes). A shard needs no
other; killed and run again it comes out the same, and one that is there already is kept.
"eqflow merge" puts them together.

` + divergenceHelp

// sampleOptions are the flags of "eqflow sample".
type sampleOptions struct {
	folder, out   string
	compute       computeFlags
	shard         string
	n             int
	seed          uint64
	force, asJSON bool
	divergence    divergenceFlags
}

// newSampleCommand draws from a trained generator.
func newSampleCommand() *cobra.Command {
	var o sampleOptions
	cmd := &cobra.Command{
		Use:     "sample --model DIR -n N --out FILE",
		Short:   "Draw configurations from a trained generator",
		Long:    sampleHelp,
		Example: "  eqflow sample --model model -n 10000 --seed 1 --out samples.npz\n  eqflow sample --model model -n 100 --out samples.xyz\n  eqflow sample --model model -n 1000000 --seed 1 --shard 3/16 --out samples-3.npz",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.folder, "model", "", "the trained model's `folder`")
	flags.IntVarP(&o.n, "samples", "n", 1000, "how many")
	flags.Uint64Var(&o.seed, "seed", 0, "the same one gives the same samples, and probes")
	flags.StringVar(&o.shard, "shard", "", "draw a part of them, `i/n` with i from 0 to n-1")
	flags.StringVar(&o.out, "out", "", "the `file` to write: .npz, .npy or .xyz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	o.compute.add(cmd)
	addDivergenceFlags(cmd, &o.divergence)
	addJSONFlag(cmd, &o.asJSON)
	for _, name := range []string{"model", "out"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
	return cmd
}

func (o *sampleOptions) run(cmd *cobra.Command) error {
	if o.n < 1 {
		return inputErrorf("-n %d samples; ask for at least 1", o.n)
	}
	if err := o.divergence.check(); err != nil {
		return err
	}
	if o.shard != "" {
		return modelError(o.runShard(cmd))
	}
	if err := checkOutput(o.out, o.force); err != nil {
		return err
	}
	model, done, err := o.compute.load(cmd, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.seed); err != nil {
		return err
	}
	start, end := time.Now(), watch(cmd, model)
	samples, err := model.Sample(o.n, o.seed)
	end()
	if err != nil {
		return err
	}
	seconds := time.Since(start).Seconds()
	if err := writeSamples(o.out, model, samples, o.seed, o.force); err != nil {
		return modelError(err)
	}
	return o.show(cmd.OutOrStdout(), model, samples, seconds)
}

// runShard draws a part of a campaign's samples, unless they are there.
func (o *sampleOptions) runShard(cmd *cobra.Command) error {
	shard, err := campaign.ParseShard(o.shard)
	if err != nil {
		return err
	}
	if err := errors.Join(checkNpz(o.out), checkOutput(o.out, true)); err != nil {
		return err
	}
	model, done, err := o.compute.load(cmd, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.seed); err != nil {
		return err
	}
	job, err := campaign.Sampling(model, o.n, o.seed, shard)
	if err != nil {
		return err
	}
	start := time.Now()
	kept, err := keptShard(cmd, job, o.out, o.force)
	if err != nil {
		return err
	}
	var set dataset.Set
	if kept {
		set, err = dataset.Read(o.out, model.Prior.N, model.Prior.D)
	} else {
		end := watch(cmd, model)
		set, err = job.Sample(model)
		end()
		if err == nil {
			err = dataset.Write(o.out, set, true)
		}
	}
	if err != nil {
		return err
	}
	samples := density.Samples{X: set.Batch}
	for name, into := range map[string]*[]float64{"log_q": &samples.LogQ, "u": &samples.Energy, "log_w": &samples.LogWeight, "log_q_error": &samples.LogQError} {
		if a, ok := set.Arrays.Get(name); ok {
			*into = a.Float64s()
		}
	}
	return o.show(cmd.OutOrStdout(), model, samples, time.Since(start).Seconds())
}

// sampled is the summary of a draw.
type sampled struct {
	System      string  `json:"system"`
	Shard       string  `json:"shard,omitempty"`
	File        string  `json:"file"`
	N           int     `json:"n"`
	ESS         float64 `json:"ess"` // share of n
	LogZ        float64 `json:"log_z"`
	LogZError   float64 `json:"log_z_error"`
	Energy      float64 `json:"energy"` // reweighted mean, kT
	EnergyError float64 `json:"energy_error"`
	Engine      string  `json:"engine"`
	Seconds     float64 `json:"seconds"` // of drawing, compiling included
	engine.Method
	LogQError float64 `json:"log_q_error,omitempty"` // as in density.Noise, of an estimated divergence
	Inflation float64 `json:"log_z_inflation,omitempty"`
}

func (o *sampleOptions) show(out io.Writer, model *eqflow.Model, s density.Samples, seconds float64) error {
	z, u := stats.LogZ(s.LogWeight, stats.Bootstrap{}), stats.Mean(s.Energy, s.LogWeight, stats.Bootstrap{})
	summary := sampled{
		System: model.Target.Name(), Shard: o.shard, File: o.out, N: s.X.Len(), ESS: stats.KishESS(s.LogWeight) / float64(s.X.Len()),
		LogZ: z.Value, LogZError: z.Error, Energy: u.Value, EnergyError: u.Error, Engine: model.ComputedBy().String(), Seconds: seconds, Method: model.Divergence().Method(),
	}
	noise := density.NoiseOf(s.LogQError, s.LogWeight)
	if summary.Probes > 0 {
		summary.LogQError, summary.Inflation = noise.LogQError, noise.Inflation
	}
	if o.asJSON {
		return writeJSON(out, finite.Fields(summary))
	}
	_, err := fmt.Fprintf(out, "samples  %d of %s in %s\ndensity  %s\ncomputed by %s\nESS      %.1f %%\nlog Z    %.3f ± %.3f\nenergy   %.3f ± %.3f kT, reweighted\n",
		summary.N, summary.System, o.out, noise.Describe(summary.Method), summary.Engine, 100*summary.ESS, z.Value, z.Error, u.Value, u.Error)
	return err
}

func writeSamples(path string, model *eqflow.Model, s density.Samples, seed uint64, force bool) error {
	set, err := model.Set(s, seed)
	if err != nil {
		return err
	}
	set.Manifest.CreatedBy = "eqflow sample"
	if filepath.Ext(path) == ".npy" { // which has room for the configurations alone
		set.Arrays = nil
	}
	return dataset.Write(path, set, force)
}
