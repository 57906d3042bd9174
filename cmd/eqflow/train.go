package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

const trainHelp = `Trains a Boltzmann generator on configurations, and keeps it in a folder: model.npz with
parameters and settings, history.json with the learning curve, and checkpoint.npz while the
training runs. Ctrl-C stops cleanly; the same command goes on from there, to the same numbers
as an uninterrupted run on the same backend.

Flows: kernel (equivariant continuous flow, the default), egnn (equivariant too, a graph
network: better samples, slower to draw), onehop (equivariant, one round of messages: for many
particles), mlp (continuous, no symmetry) and realnvp (coupling layers, no symmetry; --augment
gives it symmetric data).
Objectives: likelihood (of the data, with the penalty that keeps the solver honest), mixture of
it and the energy, flow-matching (with which egnn and onehop train unless told otherwise; give
them 100 000 configurations). A model so trained gains from a few hundred more steps of
--from MODEL --objective mixture --path-gradients, which look at its own samples and at the data,
and at the energy's gradient at both: the ESS of a Lennard-Jones cluster doubles. Shares of states
may drift, which weights mend.
Without data: energy (reverse KL; --path-gradients for less noise); for egnn and onehop annealed
(flow matching on the model's own samples, reweighted along a ladder from a normal to the
target) and energy-matching (iDEM: on estimates from many energies at every point). How many
energies were evaluated is counted.`

// trainOptions are the flags of "eqflow train".
type trainOptions struct {
	system                systemFlags
	data, validation, out string
	from                  string
	flow                  string
	compute               computeFlags
	objective             objectiveFlags
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
		Example: "  eqflow mcmc --system dw4 -n 10000 --seed 1 --out dw4.npz\n  eqflow train --system dw4 --data dw4.npz --out model\n  eqflow train --system dw4 --data dw4.npz --flow realnvp --augment --steps 20000 --learning-rate 2e-3 --out nbg\n  eqflow train --system dw4 --data dw4-100000.npz --flow egnn --out egnn\n  eqflow train --from egnn --objective mixture --path-gradients --data dw4-100000.npz --out finished\n  eqflow train --system dw4 --flow onehop --objective annealed --out own",
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
	if err := cmd.MarkFlagRequired("out"); err != nil {
		panic(err)
	}
	return cmd
}

// addSettings gives the command the flags of settings that all objectives have.
func (o *trainOptions) addSettings(cmd *cobra.Command) {
	d, s := train.Settings{}.WithDefaults(), &o.settings
	egnn := flow.Continuous{Field: dynamics.EGNN{}}
	rich, paths := train.Settings{}.SuitFlow(egnn), train.Settings{Objective: train.Likelihood{Path: true}}.SuitFlow(egnn)
	flags := cmd.Flags()
	flags.IntVar(&s.Steps, "steps", 0,
		fmt.Sprintf("optimiser steps (default %s, %d with --path-gradients)", byFlow(d.Steps, rich.Steps), paths.Steps))
	flags.IntVar(&s.Batch, "batch", 0, fmt.Sprintf(
		"configurations per step (default %d; egnn and onehop with --path-gradients: %d)", d.Batch, paths.Batch))
	flags.StringVar((*string)(&s.Optimizer), "optimizer", "",
		"adam, or muon for large matrices and adam for the rest (default "+byFlow(train.Adam, rich.Optimizer)+
			", adam with --path-gradients)")
	flags.Float64Var(&s.LearningRate, "learning-rate", 0, fmt.Sprintf("of the optimiser, at its highest (default %s, %g with "+
		"--path-gradients)", byFlow(d.LearningRate, rich.LearningRate), paths.LearningRate))
	flags.BoolVar(&s.Augment, "augment", false, "rotate, reflect and relabel every configuration at random")
	flags.BoolVar(&s.EarlyStop, "early-stop", false, "keep what does best on --validation")
	flags.Uint64Var(&s.Seed, "seed", 1, "of the first parameters and the batches")
}

// byFlow says what a setting is by default, and what it is for the rich fields.
func byFlow[T any](otherwise, rich T) string {
	return fmt.Sprintf("%v; egnn and onehop: %v", otherwise, rich)
}

func (o *trainOptions) run(cmd *cobra.Command) error {
	if err := o.compute.check(); err != nil {
		return err
	}
	generator, err := o.generator(cmd)
	if err != nil {
		return asInput(err)
	}
	t := generator.Target
	if err := o.checkZeros(cmd); err != nil {
		return err
	}
	if o.settings.Objective, err = o.objective.objective(generator.Flow); err != nil {
		return asInput(err)
	}
	o.settings = o.settings.SuitFlow(generator.Flow)
	if err := o.settings.Validate(); err != nil {
		return asInput(err)
	}
	data, err := o.read(t)
	if err != nil {
		return asInput(err)
	}
	backend, err := openBackend(cmd, o.compute.backend, o.compute.devices)
	if err != nil {
		return err
	}
	defer backend.Close()
	model, err := eqflow.New(backend.Backend, generator)
	if err != nil {
		return modelError(err)
	}
	if o.from != "" {
		if err := model.StartFrom(o.from); err != nil {
			return modelError(err)
		}
	}
	if err := model.Share(o.compute.devices); err != nil {
		return modelError(err)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "eqflow: compiling")
	var bar *progress // begins with the first step: compiling says nothing about the speed
	history, err := model.Train(cmd.Context(), data, train.Run{Settings: o.settings, Folder: o.out, Report: func(p train.Progress) {
		if bar == nil {
			bar = newProgress(int64(p.Steps), "training")
		}
		bar.Describe(describe(p))
		bar.Set(int64(p.Step))
	}})
	if bar != nil {
		bar.Finish()
	}
	if err != nil {
		return modelError(err)
	}
	return o.show(cmd.OutOrStdout(), model, history)
}

// generator is what the flags ask for: a system with a flow for it, or those of --from. A system beside --from is what is trained for.
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
func (o *trainOptions) read(t target.Target) (data train.Data, err error) {
	if free := o.settings.Objective.DataFree(); free && o.data != "" {
		return data, fmt.Errorf("--objective %s learns from the energy alone and would not look at %s; leave --data out, or use "+
			"--objective mixture", o.settings.Objective, o.data)
	}
	if o.data != "" {
		if data.Train, err = readFor(t, o.data); err != nil {
			return data, err
		}
	} else if !o.settings.Objective.DataFree() {
		return data, fmt.Errorf("--data FILE is missing; make one with eqflow mcmc, or train with --objective energy, annealed or energy-matching")
	}
	if o.validation != "" {
		data.Validation, err = readFor(t, o.validation)
	} else if o.settings.EarlyStop {
		err = fmt.Errorf("--early-stop needs --validation FILE")
	}
	return data, err
}

// readFor reads configurations that are to be of the given target, whose constants included. A file without a manifest is
// taken as it is if its shape fits.
func readFor(t target.Target, path string) (particle.Batch, error) {
	set, err := dataset.Read(path, t.Particles(), t.Dim())
	if err != nil {
		return particle.Batch{}, err
	}
	if other := set.Manifest.System; other != "" && other != t.Name() {
		return particle.Batch{}, fmt.Errorf("%s holds configurations of %s, not of %s; choose --system %s or another file", path, other, t.Name(), other)
	}
	var theirs target.Spec
	if len(set.Manifest.Spec) == 0 {
		return set.Batch, nil
	}
	if err := json.Unmarshal(set.Manifest.Spec, &theirs); err != nil {
		return particle.Batch{}, fmt.Errorf("%s has a damaged manifest (%w); write it again", path, err)
	}
	if difference := target.Difference(theirs, t); difference != "" {
		return particle.Batch{}, fmt.Errorf("%s is of another %s: %s; choose other constants or another file", path, t.Name(), difference)
	}
	return set.Batch, nil
}

// modelError marks what the user can mend.
func modelError(err error) error {
	var settings *train.SettingsError
	if errors.Is(err, train.ErrOtherModel) || errors.Is(err, engine.ErrChoice) || errors.Is(err, dataset.ErrInput) || errors.Is(err, campaign.ErrShards) || errors.As(err, &settings) {
		return asInput(err)
	}
	return err
}

// trained is the summary of a training.
type trained struct {
	Folder     string  `json:"folder"`
	Engine     string  `json:"engine"`
	Parameters int     `json:"parameters"`
	Steps      int     `json:"steps"`
	Best       int     `json:"best"`
	Loss       float64 `json:"loss"`
	Validation float64 `json:"validation,omitempty"`
	Seconds    float64 `json:"seconds"`
	Energies   int64   `json:"energy_evaluations,omitempty"`
}

func (o *trainOptions) show(out io.Writer, model *eqflow.Model, h train.History) error {
	s := trained{Folder: o.out, Engine: model.ComputedBy().String(), Parameters: model.Parameters().Count(), Steps: h.Steps, Best: h.Best, Seconds: h.Seconds, Energies: h.Energies}
	if n := len(h.Records); n > 0 {
		s.Loss, s.Validation = h.Records[n-1].Loss, h.Records[n-1].Validation
	}
	if o.asJSON {
		return writeJSON(out, s)
	}
	fmt.Fprintf(out, "trained   %d steps in %s, %d parameters\ncomputed  by %s\nloss      %.4f over the last steps\n", s.Steps,
		time.Duration(s.Seconds*1e9).Round(time.Second), s.Parameters, s.Engine, s.Loss)
	if s.Validation != 0 {
		fmt.Fprintf(out, "NLL       %.4f on the validation data\n", s.Validation)
	}
	if s.Energies != 0 {
		fmt.Fprintf(out, "energies  %d evaluated\n", s.Energies)
	}
	if n := len(h.Rungs); n > 0 {
		last := h.Rungs[n-1]
		fmt.Fprintf(out, "ladder    %d rungs, to λ = %.3g with an ESS of %.0f %%, log Z %.3f\n", n, last.Lambda, 100*last.ESS, last.LogZ)
	}
	fmt.Fprintf(out, "folder    %s\n\nJudge it before use: eqflow eval --model %s --data FILE\n", s.Folder, s.Folder)
	return nil
}
