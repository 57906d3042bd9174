package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
)

const trainHelp = `Trains a Boltzmann generator and keeps it in a folder. The folder holds model.npz with the
parameters and settings, history.json with the learning curve, and checkpoint.npz while the training
runs. Ctrl-C stops the training cleanly. The same command then resumes it, and gives the same
numbers as an uninterrupted training with the same backend and engine.

Flows: kernel is the equivariant continuous flow of the paper, and the default. egnn is an
equivariant graph network: its samples are better, and it draws them more slowly. onehop is
equivariant with one round of messages, for many particles. mlp is continuous without symmetry, and
realnvp has coupling layers without symmetry; --augment gives them symmetric data. internal is for
a molecule (--openmm): bonds, angles and dihedral angles by a z-matrix, which a rule makes or
--zmatrix gives (see eqflow molecule), with centres and spreads from the data, or from --structure
and the energy.

Objectives with data: likelihood has a penalty that keeps the solver honest. mixture adds the
energy. flow-matching is the default of egnn and onehop, which should have 100 000 configurations. A
matched model gains from a few hundred further steps of --from MODEL --objective mixture
--path-gradients. They use the model's own samples, the data, and the energy's gradient at both: the
ESS of a Lennard-Jones cluster doubles. The shares of states may drift; weights correct the drift.

Objectives without data: energy is the reverse KL divergence; --path-gradients reduce its noise.
With --flow internal and --path-gradients it finds the soft angles of a molecule by itself, cooling
from four times the temperature.
annealed is flow matching on the model's own samples, reweighted along a ladder from a normal
distribution to the target. energy-matching (iDEM) estimates the velocity from many energies at
every point. The last two need egnn, onehop or another continuous flow. The program counts the
energies that it evaluates.`

const trainExamples = `  eqflow mcmc --system dw4 -n 10000 --seed 1 --out dw4.npz
  eqflow train --system dw4 --data dw4.npz --out model
  eqflow train --system dw4 --data dw4.npz --flow realnvp --augment --steps 20000 --learning-rate 2e-3 --out nbg
  eqflow train --system dw4 --data dw4-100000.npz --flow egnn --out egnn
  eqflow train --from egnn --objective mixture --path-gradients --data dw4-100000.npz --out finished
  eqflow train --system dw4 --flow onehop --objective annealed --out own`

// trainOptions are the flags of "eqflow train".
type trainOptions struct {
	system                systemFlags
	data, validation, out string
	from                  string
	flow                  string
	compute               computeFlags
	objective             objectiveFlags
	zmatrix               string
	settings              train.Settings
	asJSON                bool
}

// newTrainCommand trains a generator.
func newTrainCommand() *cobra.Command {
	var o trainOptions
	cmd := &cobra.Command{
		Use:     "train --system NAME --data FILE --out DIR",
		Short:   "Train a Boltzmann generator",
		Long:    trainHelp,
		Example: trainExamples,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.system.add(cmd)
	o.compute.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	o.objective.add(cmd)
	o.addSettings(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "", "the `file` of configurations to learn from: .npz, .npy or .xyz")
	flags.StringVar(&o.validation, "validation", "", "a `file` of configurations to watch the training with")
	flags.StringVar(&o.out, "out", "", "the model's `folder`")
	flags.StringVar(&o.from, "from", "", "the `folder` of a trained model whose system, flow and parameters to begin with")
	flags.StringVar(&o.flow, "flow", "kernel", strings.Join(flow.Names(), ", "))
	flags.StringVar(&o.zmatrix, "zmatrix", "", "a `file` with the z-matrix of --flow internal (see eqflow molecule)")
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// addSettings gives the command the flags of settings that all objectives have.
func (o *trainOptions) addSettings(cmd *cobra.Command) {
	d, s := train.Settings{}.WithDefaults(), &o.settings
	egnn := flow.Continuous{Field: dynamics.EGNN{}}
	rich := train.Settings{}.SuitFlow(egnn)
	paths := train.Settings{Objective: train.Likelihood{Path: true}}.SuitFlow(egnn)
	molecule := train.Settings{Objective: train.Energy{Path: true}}.SuitFlow(flow.Internal{})
	flags := cmd.Flags()
	flags.IntVar(&s.Steps, "steps", 0,
		fmt.Sprintf("optimiser steps (default %s, %d with --path-gradients; internal by energy: %d)",
			byFlow(d.Steps, rich.Steps), paths.Steps, molecule.Steps))
	flags.IntVar(&s.Batch, "batch", 0, fmt.Sprintf(
		"configurations per step (default %d; egnn and onehop with --path-gradients: %d)", d.Batch, paths.Batch))
	flags.StringVar((*string)(&s.Optimizer), "optimizer", "",
		"adam, or muon for large matrices and adam for the rest (default "+byFlow(train.Adam, rich.Optimizer)+
			", adam with --path-gradients)")
	flags.Float64Var(&s.LearningRate, "learning-rate", 0,
		fmt.Sprintf("of the optimiser, at its highest (default %s, %g with --path-gradients; internal by energy: %g)",
			byFlow(d.LearningRate, rich.LearningRate), paths.LearningRate, molecule.LearningRate))
	flags.BoolVar(&s.Augment, "augment", false, "rotate, reflect and relabel every configuration at random")
	flags.BoolVar(&s.EarlyStop, "early-stop", false, "keep what does best on --validation")
	flags.Uint64Var(&s.Seed, "seed", 1, "of the first parameters and the batches")
}

// byFlow says what a setting is by default, and what it is for the rich fields.
func byFlow[T any](otherwise, rich T) string {
	return fmt.Sprintf("%v; egnn and onehop: %v", otherwise, rich)
}

func (o *trainOptions) run(cmd *cobra.Command) error {
	generator, data, err := o.inputs(cmd)
	if err != nil {
		return asInput(err)
	}
	backend, err := openBackend(cmd, o.compute.backend, o.compute.devices)
	if err != nil {
		return err
	}
	defer backend.Close()
	model, err := o.model(backend, generator)
	if err != nil {
		return modelError(err)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: compiling")
	var bar *progress // begins with the first step: compiling says nothing about the speed
	warn := func(message string) { fmt.Fprintln(cmd.ErrOrStderr(), "eqflow:", message) }
	run := train.Run{Settings: o.settings, Folder: o.out, Warn: warn, Report: func(p train.Progress) {
		if bar == nil {
			bar = newProgress(int64(p.Steps), "training")
		}
		bar.Describe(describe(p))
		bar.Set(int64(p.Step))
	}}
	history, err := model.Train(cmd.Context(), data, run)
	if bar != nil {
		bar.Finish()
	}
	if err != nil {
		return modelError(err)
	}
	return o.show(cmd.OutOrStdout(), model, history)
}

// inputs reads and checks all that the command is given, before a backend is opened.
func (o *trainOptions) inputs(cmd *cobra.Command) (g eqflow.Generator, data train.Data, err error) {
	if err = o.compute.check(); err != nil {
		return g, data, err
	}
	if g, err = o.generator(cmd); err != nil {
		return g, data, err
	}
	if err = o.checkZeros(cmd); err != nil {
		return g, data, err
	}
	if o.settings.Objective, err = o.objective.objective(g.Flow); err != nil {
		return g, data, err
	}
	o.settings = o.settings.SuitFlow(g.Flow)
	if err = o.settings.Validate(); err != nil {
		return g, data, err
	}
	if err = o.checkSizes(g); err != nil {
		return g, data, err
	}
	if data, err = o.read(cmd, g.Target); err == nil {
		err = o.suitData(cmd, &g, data)
	}
	return g, data, err
}

// checkSizes refuses a batch, and numbers of draws and probes, that no memory holds.
func (o *trainOptions) checkSizes(g eqflow.Generator) error {
	n, d := g.Target.Particles(), g.Target.Dim()
	each := 10 * n * d // a configuration, its image, gradients
	if c, ok := g.Flow.(flow.Continuous); ok {
		c = c.WithDefaults()
		if _, solved := o.settings.WithDefaults().Objective.(train.Likelihood); solved { // the stages of the solve
			each += n * d * c.Steps * c.Solver.Stages()
		}
		if wide, ok := c.Field.(dynamics.Wide); ok {
			each += wide.Widest(n, d, 0) / 2 // in float32
		}
	}
	batch := o.settings.WithDefaults().Batch
	if err := checkMemory("configurations of a --batch", batch, each, ""); err != nil {
		return err
	}
	if err := checkMemory("--draws", o.objective.draws, 10*n*d, ""); err != nil {
		return err
	}
	return checkMemory("--probes of every configuration of a batch", o.objective.probes, 10*n*d*batch, "")
}

// model makes the model, with the parameters of --from if it is given.
func (o *trainOptions) model(backend *xla.Opened, g eqflow.Generator) (*eqflow.Model, error) {
	model, err := eqflow.New(backend.Backend, g)
	if err != nil {
		return nil, err
	}
	if o.from != "" {
		if err := model.StartFrom(o.from); err != nil {
			return nil, err
		}
	}
	return model, model.Share(o.compute.devices)
}

// generator is the generator that the flags describe: a system with a flow for it, or the system
// and the flow of --from. A system beside --from replaces its system.
func (o *trainOptions) generator(cmd *cobra.Command) (g eqflow.Generator, err error) {
	if o.from != "" {
		if cmd.Flags().Changed("flow") {
			return g, fmt.Errorf("--from %s brings its flow along; leave --flow out", o.from)
		}
		if g, err = eqflow.GeneratorOf(o.from); err != nil {
			return g, err
		}
	}
	if o.from == "" || o.system.given(cmd) {
		if g.Target, _, err = o.system.target(cmd); err != nil {
			return g, err
		}
	}
	if o.from == "" {
		g.Flow, err = eqflow.FlowFor(o.flow, g.Target)
	}
	g.Seed, g.Engine = o.settings.Seed, engine.Kind(o.compute.engine)
	return g, err
}

// describe is what the bar says of a training.
func describe(p train.Progress) string {
	if p.Rung == nil {
		return fmt.Sprintf("training: loss %.3f", p.Loss)
	}
	return fmt.Sprintf("training: λ %.2g, ESS %.0f %%, loss %.3f", p.Rung.Lambda, 100*p.Rung.ESS, p.Loss)
}

// checkZeros refuses zeros on the command line that would mean a default.
func (o *trainOptions) checkZeros(cmd *cobra.Command) error {
	for _, name := range []string{"steps", "batch", "learning-rate"} {
		if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == "0" {
			return inputErrorf("--%s 0; give a positive number, or leave it out for the default (see --help)", name)
		}
	}
	return nil
}

// read reads the data and refuses those of another system.
func (o *trainOptions) read(cmd *cobra.Command, t target.Target) (data train.Data, err error) {
	if free := o.settings.Objective.DataFree(); free && o.data != "" {
		return data, fmt.Errorf("--objective %s learns from the energy alone and would not look at %s; "+
			"leave --data out, or use --objective mixture", o.settings.Objective, o.data)
	}
	if o.data != "" {
		if data.Train, _, err = readData(cmd, t, o.data, false); err != nil {
			return data, err
		}
	} else if !o.settings.Objective.DataFree() {
		return data, fmt.Errorf("--data FILE is missing; make one with eqflow mcmc, or train with "+
			"--objective %s", objectiveNames(train.Objective.DataFree))
	}
	if o.validation != "" {
		data.Validation, _, err = readData(cmd, t, o.validation, false)
	} else if o.settings.EarlyStop {
		err = fmt.Errorf("--early-stop needs --validation FILE")
	}
	return data, err
}

// trained is the summary of a training.
type trained struct {
	System      string  `json:"system"`
	Description string  `json:"description,omitempty"`
	Folder      string  `json:"folder"`
	Engine      string  `json:"engine"`
	Parameters  int     `json:"parameters"`
	Steps       int     `json:"steps"`
	Best        int     `json:"best"`
	Loss        float64 `json:"loss"`
	Validation  float64 `json:"validation,omitempty"`
	Seconds     float64 `json:"seconds"`
	Energies    int64   `json:"energy_evaluations,omitempty"`
}

func (o *trainOptions) show(out io.Writer, model *eqflow.Model, h train.History) error {
	s := trained{
		System: model.Target.Name(), Description: target.DescriptionOf(model.Target), Folder: o.out,
		Engine: model.ComputedBy().String(), Parameters: model.Parameters().Count(), Steps: h.Steps,
		Best: h.Best, Seconds: h.Seconds, Energies: h.Energies,
	}
	if n := len(h.Records); n > 0 {
		s.Loss, s.Validation = h.Records[n-1].Loss, h.Records[n-1].Validation
	}
	if o.asJSON {
		return writeJSON(out, s)
	}
	showDescription(out, "molecule  ", s.Description)
	fmt.Fprintf(out, "trained   %d steps in %s, %d parameters\ncomputed  by %s\nloss      %.4f over the last steps\n",
		s.Steps, time.Duration(s.Seconds*1e9).Round(time.Second), s.Parameters, s.Engine, s.Loss)
	if s.Validation != 0 {
		fmt.Fprintf(out, "NLL       %.4f on the validation data\n", s.Validation)
	}
	if s.Energies != 0 {
		fmt.Fprintf(out, "energies  %d evaluated\n", s.Energies)
	}
	if n := len(h.Rungs); n > 0 {
		last := h.Rungs[n-1]
		fmt.Fprintf(out, "ladder    %d rungs, to λ = %.3g with an ESS of %.0f %%, log Z %.3f\n",
			n, last.Lambda, 100*last.ESS, last.LogZ)
	}
	fmt.Fprintf(out, "folder    %s\n\nJudge it before use: eqflow eval --model %s --data FILE\n", s.Folder, s.Folder)
	return nil
}
