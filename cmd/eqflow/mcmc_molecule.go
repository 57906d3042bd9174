package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// The defaults of the chains of a molecule.
const (
	moleculeLadders = 32
	moleculeBurn    = 300
	moleculeThin    = 5
	checkpointEvery = 30 * time.Second
)

// moleculeChains are the flags of "eqflow mcmc" for molecules alone.
type moleculeChains struct {
	ladder    string
	timeStep  float64
	variables []string
}

// add gives the command the flags.
func (c *moleculeChains) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.ladder, "ladder", "",
		"the `temperatures` of a molecule's replicas in K, from:to:count in equal ratios, such as 300:1200:8")
	flags.Float64Var(&c.timeStep, "time-step", 0, fmt.Sprintf(
		"of a molecule's trajectories, in fs (0: begin with %g and adapt it during the burn-in)",
		ensemble.FirstTimeStep))
	flags.StringArrayVar(&c.variables, "cv", nil,
		"follow a collective variable of a molecule, an `expression` as of eqflow measure, such as "+
			"'phi=dihedral(4,6,8,10)'; may be repeated")
}

// refuse returns an error if a flag for molecules is given for another system.
func (c *moleculeChains) refuse(system string) error {
	if c.ladder != "" || c.timeStep != 0 || len(c.variables) > 0 {
		return fmt.Errorf("--ladder, --time-step and --cv are for molecules (--openmm, --amber); for %s, "+
			"--sampler tempering chooses a ladder", system)
	}
	return nil
}

// betas returns the inverse temperatures of the ladder, relative to the molecule's temperature.
func (c *moleculeChains) betas(temperature float64) ([]float64, error) {
	if c.ladder == "" {
		return []float64{1}, nil
	}
	parts := strings.Split(c.ladder, ":")
	var numbers []float64
	for _, part := range parts {
		if v, err := strconv.ParseFloat(part, 64); err == nil {
			numbers = append(numbers, v)
		}
	}
	const most = 100
	if len(parts) != 3 || len(numbers) != 3 || !(numbers[0] > 0) || !(numbers[1] > numbers[0]) ||
		numbers[2] != math.Trunc(numbers[2]) || numbers[2] < 2 || numbers[2] > most || math.IsInf(numbers[1], 0) {
		return nil, fmt.Errorf("--ladder %s: give from:to:count, two rising temperatures in K and a number of rungs "+
			"from 2 to %d, such as 300:1200:8", c.ladder, most)
	}
	if math.Abs(numbers[0]/temperature-1) > 1e-9 {
		return nil, fmt.Errorf("--ladder %s begins at %g K, and the temperature is %g K; let it begin with "+
			"--temperature", c.ladder, numbers[0], temperature)
	}
	return mcmc.Ladder(numbers[0]/numbers[1], int(numbers[2])), nil
}

// temperature returns the first temperature of the ladder, for --temperature where that is not
// given.
func (c *moleculeChains) temperature() (float64, bool) {
	first, _, found := strings.Cut(c.ladder, ":")
	v, err := strconv.ParseFloat(first, 64)
	return v, found && err == nil && v > 0
}

// moleculeRun is one run of "eqflow mcmc" of a molecule.
type moleculeRun struct {
	*mcmcOptions
	target     *ensemble.Canonical
	replicas   mcmc.Replicas
	names      []string // of the variables
	checkpoint string
	settings   string // which identify the checkpoint
}

// runMolecule draws configurations of a molecule.
func (o *mcmcOptions) runMolecule(cmd *cobra.Command, t *ensemble.Canonical, spec target.Spec) error {
	if first, given := o.chainsOfMolecule.temperature(); given && !cmd.Flags().Changed("temperature") {
		t = t.At(first)
		spec = t.Spec()
	}
	r := &moleculeRun{mcmcOptions: o, target: t}
	if err := r.plan(); err != nil {
		return asInput(err)
	}
	r.nameAtoms(cmd)
	before, err := r.resume(cmd)
	if err != nil {
		return err
	}
	if before == nil {
		if err := checkMoleculeOutput(o.out, o.force); err != nil {
			return err
		}
	}
	began := time.Now()
	run, err := r.sample(cmd.Context(), before)
	stopped := errors.Is(err, context.Canceled)
	if err != nil && !stopped {
		return err
	}
	if stopped {
		if err := run.Write(r.checkpoint, r.settings); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: the work is kept in %s; the same command continues it\n", r.checkpoint)
	}
	if run.Kept > 0 {
		if err := r.finish(cmd, spec, run, !stopped, time.Since(began).Seconds()); err != nil {
			return err
		}
	}
	if !stopped {
		if err := os.Remove(r.checkpoint); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// plan makes the replicas of the flags.
func (r *moleculeRun) plan() error {
	s := r.target.System()
	if r.sampler != string(mcmc.Auto) {
		return fmt.Errorf("--sampler %s: a molecule is sampled by replica exchange with Hamiltonian Monte Carlo; "+
			"leave --sampler out", r.sampler)
	}
	if s.Structure == nil {
		return fmt.Errorf("--structure FILE is missing: the chains of a molecule start from its configurations")
	}
	if err := r.target.CheckEnergies(s.Structure.Models); err != nil {
		return inFile(r.system.molecule.structure, err)
	}
	if r.n < 1 || r.chains < 0 || r.burn < 0 || r.thin < 0 || r.chainsOfMolecule.timeStep < 0 {
		return fmt.Errorf("-n %d, --chains %d, --burn %d, --thin %d, --time-step %g; give positive numbers",
			r.n, r.chains, r.burn, r.thin, r.chainsOfMolecule.timeStep)
	}
	betas, err := r.chainsOfMolecule.betas(r.target.Temperature())
	if err != nil {
		return err
	}
	perSample := 2*3*s.Atoms() + (1+len(r.chainsOfMolecule.variables))*len(betas)
	if err := checkMemory("configurations", r.n, perSample, ""); err != nil {
		return err
	}
	start := s.Structure.Models.Clone()
	for i := range start.Len() {
		r.target.Settle(start.At(i))
	}
	step := r.chainsOfMolecule.timeStep
	ladders := orDefault(r.chains, moleculeLadders)
	r.replicas = mcmc.Replicas{
		Ladders: ladders, Betas: betas, Start: start,
		Masses: r.target.KineticMasses(), TimeStep: r.target.TimeStep(step), Adapt: step == 0,
		Burn: orDefault(r.burn, moleculeBurn), Thin: orDefault(r.thin, moleculeThin),
		Keep: (r.n + ladders - 1) / ladders, Seed: r.seed,
	}
	return r.observe()
}

func orDefault[T int | float64](v, value T) T {
	if v == 0 {
		return value
	}
	return v
}

// observe reads the variables.
func (r *moleculeRun) observe() error {
	var variables []measure.Variable
	start := measure.Sample{X: r.replicas.Start, Energy: target.Energies(r.target, r.replicas.Start)}
	for _, text := range r.chainsOfMolecule.variables {
		v, err := measure.ParseVariable(text, r.target.Particles(), 3)
		if err != nil {
			return err
		}
		if _, err := v.Check(start); err != nil {
			return err
		}
		variables, r.names = append(variables, v), append(r.names, v.Name)
	}
	if len(variables) > 0 {
		r.replicas.Variables = len(variables)
		r.replicas.Observe = func(x []float64, u float64) []float64 {
			out := make([]float64, len(variables))
			for k, v := range variables {
				out[k] = v.Value(x, u)
			}
			return out
		}
	}
	return nil
}

var dihedralOf = regexp.MustCompile(`dihedral\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\)`)

// nameAtoms says on stderr which atoms the dihedral angles have. Atoms that are not bonded are
// mostly a mistake: other programs number them in another order, or from 1.
func (r *moleculeRun) nameAtoms(cmd *cobra.Command) {
	s := r.target.System()
	for _, text := range r.chainsOfMolecule.variables {
		for _, match := range dihedralOf.FindAllStringSubmatch(text, -1) {
			var labels []string
			warning, before := "", -1
			for _, digits := range match[1:] {
				i, _ := strconv.Atoi(digits) // ParseVariable has computed the angle
				labels = append(labels, s.Label(i))
				if before >= 0 && !s.Bonded(before, i) {
					warning = fmt.Sprintf("; warning: %s and %s are not bonded", s.Label(before), s.Label(i))
				}
				before = i
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %s of %s%s\n", match[0], strings.Join(labels, ", "), warning)
		}
	}
}

// resume reads the checkpoint of an interrupted run, nil if there is none.
func (r *moleculeRun) resume(cmd *cobra.Command) (*mcmc.ReplicaRun, error) {
	base := strings.TrimSuffix(r.out, filepath.Ext(r.out))
	r.checkpoint = base + ".checkpoint.npz"
	m := r.replicas
	start := sha256.New()
	for _, v := range m.Start.X {
		fmt.Fprintf(start, "%v ", v)
	}
	identity, err := json.Marshal([]any{
		filepath.Base(r.out), r.target.Spec(), m.Betas, m.Ladders, m.Burn, m.Thin, m.Seed, m.TimeStep, m.Adapt,
		r.chainsOfMolecule.variables, fmt.Sprintf("%x", start.Sum(nil)),
	})
	if err != nil {
		return nil, err
	}
	r.settings = string(identity)
	if _, err := os.Stat(r.checkpoint); errors.Is(err, fs.ErrNotExist) || r.force {
		return nil, nil
	}
	run, err := mcmc.ReadReplicaRun(r.checkpoint, r.settings)
	if errors.Is(err, mcmc.ErrOtherRun) || errors.Is(err, dataset.ErrInput) {
		return nil, asInput(err)
	}
	if err == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: continues with round %d of %d from %s\n",
			run.Round, m.Rounds(), r.checkpoint)
	}
	return run, err
}

// sample runs the replicas, with progress and checkpoints.
func (r *moleculeRun) sample(ctx context.Context, before *mcmc.ReplicaRun) (*mcmc.ReplicaRun, error) {
	bar := newProgress(int64(r.replicas.Rounds()), "rounds of "+r.target.Name())
	defer bar.Finish()
	r.replicas.Progress = func(done, _ int) { bar.Set(int64(done)) }
	saved, interval := time.Now(), checkpointEvery
	r.replicas.Save = func(run *mcmc.ReplicaRun) error {
		if time.Since(saved) < interval {
			return nil
		}
		began := time.Now()
		err := run.Write(r.checkpoint, r.settings)
		saved = time.Now()
		interval = max(checkpointEvery, 20*saved.Sub(began)) // large files cost at most a twentieth
		return err
	}
	return r.replicas.Run(ctx, r.target, before)
}

// finish writes the configurations and prints the summary.
func (r *moleculeRun) finish(
	cmd *cobra.Command, spec target.Spec, run *mcmc.ReplicaRun, complete bool, seconds float64,
) error {
	summary := r.summarise(run)
	summary.Spec, summary.Complete, summary.Seconds = spec, complete, seconds
	if err := r.write(run, summary); err != nil {
		if errors.Is(err, dataset.ErrInput) {
			return asInput(err)
		}
		return moleculeError(err)
	}
	return summary.show(cmd.OutOrStdout(), r.asJSON)
}
