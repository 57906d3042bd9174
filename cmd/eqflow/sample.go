package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const sampleHelp = `Draws configurations from a trained generator. Each configuration comes with three numbers for
reweighting: its log-density log_q, its reduced energy u and its log-weight log_w = -u - log_q, in
nats. numpy.load opens the .npz; OVITO, VMD and ASE open the .xyz. The same seed on
the same backend and engine gives the same samples; another engine, such as that of a build without
cgo, gives them up to rounding.

A stopped draw keeps its samples in the file FILE.partial; a killed one keeps all but those of the
last seconds. The same command continues after them, and gives the samples of an undisturbed draw.

With --shard i/n the command draws only part i of n equal parts of the -n samples, with i from 0 to
n-1, for job arrays and several machines (docker/ has examples for Slurm and Kubernetes). A shard
does not depend on the others. An existing shard is kept. "eqflow merge" puts the shards together.

` + divergenceHelp

const sampleExamples = `  eqflow sample --model model -n 10000 --seed 1 --out samples.npz
  eqflow sample --model model -n 100 --out samples.xyz
  eqflow sample --model model -n 1000000 --seed 1 --shard 3/16 --out samples-3.npz`

// sampleOptions are the flags of "eqflow sample".
type sampleOptions struct {
	folder, out   string
	compute       computeFlags
	shard         string
	n             int
	seed          uint64
	force, asJSON bool
	divergence    divergenceFlags
	molecule      trainedMoleculeFlags
}

// newSampleCommand draws from a trained generator.
func newSampleCommand() *cobra.Command {
	var o sampleOptions
	cmd := &cobra.Command{
		Use:     "sample --model DIR -n N --out FILE",
		Short:   "Draw configurations from a trained generator",
		Long:    sampleHelp,
		Example: sampleExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.folder, "model", "", "the trained model's `folder`")
	flags.IntVarP(&o.n, "samples", "n", 1000, "number of samples")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the samples and of the probes")
	flags.StringVar(&o.shard, "shard", "", "draw only part i of n equal parts, `i/n` with i from 0 to n-1")
	flags.StringVar(&o.out, "out", "", "the `file` to write: .npz or .xyz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	o.compute.add(cmd)
	o.molecule.add(cmd)
	addDivergenceFlags(cmd, &o.divergence)
	addJSONFlag(cmd, &o.asJSON)
	require(cmd, "model", "out")
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
	if strings.ToLower(filepath.Ext(o.out)) == ".npy" {
		return inputErrorf("--out %s: an .npy has no room for log_q, u and log_w; name it .npz or .xyz", o.out)
	}
	model, done, err := o.molecule.load(cmd, o.compute, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.seed); err != nil {
		return err
	}
	if err := checkMemory("samples", o.n, numbersPerSample(model), inShards); err != nil {
		return err
	}
	job, err := campaign.Single(model, o.n, o.seed)
	if err != nil {
		return err
	}
	start, end := time.Now(), watch(cmd, model)
	samples, err := job.Draw(model, o.out, o.force, o.continues(cmd))
	end()
	if err != nil {
		return modelError(err)
	}
	seconds := time.Since(start).Seconds()
	if err := writeSamples(o.out, model, samples, o.seed, o.force); err != nil {
		return modelError(err)
	}
	campaign.DropPartial(o.out)
	return o.show(cmd.OutOrStdout(), model, samples, seconds)
}

// continues tells the user how many samples an interrupted draw has kept.
func (o *sampleOptions) continues(cmd *cobra.Command) func(kept int) {
	return func(kept int) {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: continuing after the %d samples in %s\n", kept, campaign.Partial(o.out))
	}
}

// inShards is how more samples are drawn than fit into memory.
const inShards = ", or draw them in shards (--shard i/n) and merge these"

// numbersPerSample is how many numbers a sample holds in memory at most: its prior draw, its
// configuration twice, and log q, u and log w.
func numbersPerSample(model *eqflow.Model) int { return 3*model.Prior.N*model.Prior.D + 6 }

// runShard draws a part of a campaign's samples, unless the file holds them already.
func (o *sampleOptions) runShard(cmd *cobra.Command) error {
	shard, err := campaign.ParseShard(o.shard)
	if err != nil {
		return err
	}
	if err := errors.Join(checkNpz(o.out), checkOutput(o.out, true)); err != nil {
		return err
	}
	model, done, err := o.molecule.load(cmd, o.compute, o.folder)
	if err != nil {
		return err
	}
	defer done()
	if err := o.divergence.apply(model, o.seed); err != nil {
		return err
	}
	from, to := shard.Range(o.n)
	if err := checkMemory("samples of this shard", to-from, numbersPerSample(model), ", or more shards"); err != nil {
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
		campaign.DropPartial(o.out) // of a task that ran twice at a time
		set, err = dataset.Read(o.out, model.Prior.N, model.Prior.D)
	} else {
		set, err = o.drawShard(cmd, model, job)
	}
	if err != nil {
		return err
	}
	return o.show(cmd.OutOrStdout(), model, samplesOf(set), time.Since(start).Seconds())
}

// drawShard draws and writes a shard. It continues after samples that an interrupted run has kept.
func (o *sampleOptions) drawShard(cmd *cobra.Command, model *eqflow.Model, job campaign.Job) (dataset.Set, error) {
	defer watch(cmd, model)()
	return job.SampleTo(model, o.out, o.force, o.continues(cmd))
}

// samplesOf returns the samples in a file.
func samplesOf(set dataset.Set) density.Samples {
	s := density.Samples{X: set.Batch}
	for name, numbers := range map[string]*[]float64{
		"log_q": &s.LogQ, "u": &s.Energy, "log_w": &s.LogWeight, "log_q_error": &s.LogQError,
	} {
		if a, ok := set.Arrays.Get(name); ok {
			*numbers = a.Float64s()
		}
	}
	return s
}

// sampled is the summary of a draw.
type sampled struct {
	System      string  `json:"system"`
	Description string  `json:"description,omitempty"`
	Shard       string  `json:"shard,omitempty"`
	File        string  `json:"file"`
	N           int     `json:"n"`
	ESS         float64 `json:"ess"` // as a share of n
	ESSError    float64 `json:"ess_error"`
	LogZ        float64 `json:"log_z"`
	LogZError   float64 `json:"log_z_error"`
	Energy      float64 `json:"energy"` // reweighted mean, kT
	EnergyError float64 `json:"energy_error"`
	Engine      string  `json:"engine"`
	Seconds     float64 `json:"seconds"` // of drawing, with compilation
	engine.Method
	Chirality []molecule.Chirality `json:"chirality,omitempty"`
	LogQError float64              `json:"log_q_error,omitempty"` // of an estimated divergence, as in density.Noise
	Inflation float64              `json:"log_z_inflation,omitempty"`
}

// show prints the summary of samples that took the given time.
func (o *sampleOptions) show(out io.Writer, model *eqflow.Model, s density.Samples, seconds float64) error {
	z, u := stats.LogZ(s.LogWeight, stats.Bootstrap{}), stats.Mean(s.Energy, s.LogWeight, stats.Bootstrap{})
	ess := stats.ESS(s.LogWeight)
	summary := sampled{
		System: model.Target.Name(), Description: target.DescriptionOf(model.Target), Shard: o.shard, File: o.out,
		N: s.X.Len(), ESS: ess.Value, ESSError: ess.Error,
		LogZ: z.Value, LogZError: z.Error, Energy: u.Value, EnergyError: u.Error,
		Engine: model.ComputedBy().String(), Seconds: seconds, Method: model.Divergence().Method(),
	}
	summary.Chirality = chiralities(model.Target, s.X)
	noise := density.NoiseOf(s.LogQError, s.LogWeight)
	if summary.Probes > 0 {
		summary.LogQError, summary.Inflation = noise.LogQError, noise.Inflation
	}
	if o.asJSON {
		return writeJSON(out, finite.Fields(summary))
	}
	fmt.Fprintf(out, "samples  %d of %s in %s\n", summary.N, summary.System, o.out)
	showDescription(out, "molecule ", summary.Description)
	fmt.Fprintf(out, "density  %s\n", noise.Describe(summary.Method))
	fmt.Fprintf(out, "computed by %s\n", summary.Engine)
	fmt.Fprintf(out, "ESS      %s\n", ess.Percent())
	fmt.Fprintf(out, "log Z    %.3f ± %.3f\n", z.Value, z.Error)
	fmt.Fprintf(out, "energy   %.3f ± %.3f kT, reweighted\n", u.Value, u.Error)
	showChirality(out, "chirality ", summary.Chirality)
	return nil
}

// writeSamples writes samples with their densities, energies and weights, and with their origin.
func writeSamples(path string, model *eqflow.Model, s density.Samples, seed uint64, force bool) error {
	set, err := model.Set(s, seed)
	if err != nil {
		return err
	}
	set.Manifest.CreatedBy = "eqflow sample"
	return dataset.Write(path, set, force)
}
