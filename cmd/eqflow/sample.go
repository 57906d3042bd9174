package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const sampleHelp = `Draws configurations from a trained generator. Each configuration comes with three numbers for
reweighting: its log-density log_q, its reduced energy u and its log-weight log_w = -u - log_q, in
nats. numpy.load opens the .npz; OVITO, VMD and ASE open the .xyz. The same seed on
the same backend and engine gives the same samples; another engine, such as that of a build without
cgo, gives them up to rounding.

The samples lie in FILE.partial until all are drawn, so that memory does not grow with -n; the disk
needs room for them twice. A stopped or killed draw keeps them. The same command continues after
them, and gives the samples of an undisturbed draw. An .xyz is written from memory.

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
		campaign.DropRelic(o.out)
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
	job, err := campaign.Single(model, o.n, o.seed)
	if err != nil {
		return err
	}
	if err := o.checkRoom(model, o.n); err != nil {
		return err
	}
	return modelError(o.draw(cmd, model, job))
}

// checkRoom refuses more samples than have room on the disk, or in memory for a kind of file that
// is written from there.
func (o *sampleOptions) checkRoom(model *eqflow.Model, n int) error {
	if o.isNpz() {
		return checkDisk("samples", n, 2*numbersInFile(model), o.out, campaign.Partial(o.out))
	}
	return checkMemory("samples", n, numbersPerSample(model), ", or write an .npz, which needs no memory")
}

func (o *sampleOptions) isNpz() bool { return checkNpz(o.out) == nil }

// draw draws the samples of a job, writes them and shows their summary. It continues after samples
// that an interrupted run has kept.
func (o *sampleOptions) draw(cmd *cobra.Command, model *eqflow.Model, job campaign.Job) error {
	start, end := time.Now(), watch(cmd, model)
	drawn, err := job.Draw(model, o.out, o.force, o.continues(cmd))
	end()
	if err != nil {
		return err
	}
	defer drawn.Close()
	seconds := time.Since(start).Seconds()
	if o.isNpz() {
		err = drawn.Write(model, o.force || o.shard != "")
	} else {
		err = o.writeText(drawn, model)
	}
	if errors.Is(err, fs.ErrExist) { // written by another process in the meantime
		return errors.Join(err, drawn.Drop())
	}
	if err != nil {
		return err
	}
	err = o.show(cmd.OutOrStdout(), model, drawn.Table, seconds)
	return errors.Join(err, drawn.Drop())
}

// writeText writes samples in another form than .npz.
func (o *sampleOptions) writeText(drawn *campaign.Drawn, model *eqflow.Model) error {
	samples, err := drawn.Samples(model)
	if err != nil {
		return err
	}
	set, err := model.Set(samples, o.seed)
	if err != nil {
		return err
	}
	set.Manifest.CreatedBy = "eqflow sample"
	return dataset.Write(o.out, set, o.force)
}

// continues tells the user how many samples an interrupted draw has kept.
func (o *sampleOptions) continues(cmd *cobra.Command) func(kept int) {
	return func(kept int) {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: continuing after the %d samples in %s\n", kept, campaign.Partial(o.out))
	}
}

// numbersInFile is how many numbers of a sample a file holds at most: the configuration, log q, u,
// log w and the error of log q.
func numbersInFile(model *eqflow.Model) int { return model.Prior.N*model.Prior.D + 4 }

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
	job, err := campaign.Sampling(model, o.n, o.seed, shard)
	if err != nil {
		return err
	}
	kept, err := keptShard(cmd, job, o.out, o.force)
	if err != nil {
		return err
	}
	if !kept {
		from, to := shard.Range(o.n)
		if err := o.checkRoom(model, to-from); err != nil {
			return err
		}
		return o.draw(cmd, model, job)
	}
	start := time.Now()
	campaign.DropPartial(o.out) // of a task that ran twice at a time
	table, err := campaign.Open(o.out)
	if err != nil {
		return err
	}
	return o.show(cmd.OutOrStdout(), model, table, time.Since(start).Seconds())
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
func (o *sampleOptions) show(out io.Writer, model *eqflow.Model, t campaign.Table, seconds float64) error {
	e, err := t.Estimates()
	if err != nil {
		return err
	}
	noise, err := t.Noise()
	if err != nil {
		return err
	}
	ess, z, u := e.ESS, e.LogZ, e.Mean
	summary := sampled{
		System: model.Target.Name(), Description: target.DescriptionOf(model.Target), Shard: o.shard, File: o.out,
		N: t.N, ESS: ess.Value, ESSError: ess.Error,
		LogZ: z.Value, LogZError: z.Error, Energy: u.Value, EnergyError: u.Error,
		Engine: model.ComputedBy().String(), Seconds: seconds, Method: model.Divergence().Method(),
	}
	if summary.Chirality, err = chiralitiesOf(model.Target, t); err != nil {
		return err
	}
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
