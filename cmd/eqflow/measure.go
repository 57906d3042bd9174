package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const measureHelp = `Measures samples of any program beside reference data, as "eqflow eval" does with those that it
draws: W2 over rotation, reflection and relabelling, W2 of energies and of pair distances, total
variation, and free energies along collective variables. Log-weights are used where the file has
them (log_w, as "eqflow sample" writes). The system is the one that a file names, or --system.

A collective variable is an expression:

` + measure.ExpressionHelp + `.`

// measureOptions are the flags of "eqflow measure".
type measureOptions struct {
	system    systemFlags
	data      string
	size      int
	variables []string
	asJSON    bool
}

// newMeasureCommand compares files of configurations.
func newMeasureCommand() *cobra.Command {
	var o measureOptions
	cmd := &cobra.Command{
		Use:     "measure FILE --data FILE",
		Short:   "Measure any program's samples beside reference data",
		Long:    measureHelp,
		Example: "  eqflow measure samples.npz --data reference.npz\n  eqflow measure theirs.npy --data ours.npz --system lj13 --compare 1000",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, paths []string) error { return o.run(cmd, paths[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "", "the reference `file`: .npz, .npy or .xyz")
	flags.IntVar(&o.size, "compare", 2000, "configurations of each side between which W2 is taken")
	flags.StringArrayVar(&o.variables, "cv", nil, "a collective variable whose free energy is wanted, an `expression`; may be repeated")
	o.system.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	if err := cmd.MarkFlagRequired("data"); err != nil {
		panic(err)
	}
	return cmd
}

func (o *measureOptions) run(cmd *cobra.Command, path string) error {
	if o.size < 1 {
		return inputErrorf("--compare %d configurations; give at least 1", o.size)
	}
	t, err := o.target(cmd, path, o.data)
	if err != nil {
		return asInput(err)
	}
	var samples [2]measure.Sample
	for k, file := range []string{path, o.data} {
		if samples[k], err = readSample(t, file); err != nil {
			return asInput(err)
		}
	}
	result := measured{System: t.Name()}
	for _, text := range o.variables {
		v, err := measure.ParseVariable(text, t.Particles(), t.Dim())
		if err != nil {
			return asInput(err)
		}
		p, err := v.FreeEnergy(samples[0], samples[1], stats.Bootstrap{})
		if err != nil {
			return asInput(err)
		}
		result.FreeEnergies = append(result.FreeEnergies, p)
	}
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = time.Now()
	c := measure.Comparison{Size: o.size, Relabelling: target.RelabellingOf(t), Report: func(done, total int) {
		line.show("%d of %d configurations", done, total)
	}}
	result.Distances, err = c.Compare(cmd.Context(), samples[0], samples[1])
	line.clear()
	if err != nil {
		return err
	}
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), finite.Fields(result))
	}
	showDistances(cmd.OutOrStdout(), result.Distances)
	for _, p := range result.FreeEnergies {
		showProfile(cmd.OutOrStdout(), p)
	}
	return nil
}

// measured is the result of "eqflow measure".
type measured struct {
	System string `json:"system"`
	measure.Distances
	FreeEnergies []measure.Profile `json:"free_energies,omitempty"`
}

// target is the system that the flags name, or else the first file that names one.
func (o *measureOptions) target(cmd *cobra.Command, paths ...string) (target.Target, error) {
	if o.system.name != "" || o.system.spec != "" {
		t, _, err := o.system.target(cmd)
		return t, err
	}
	for _, path := range paths {
		set, err := dataset.Read(path, 0, 0)
		if err != nil || len(set.Manifest.Spec) == 0 {
			continue // what is wrong with a file is said when it is read for its system
		}
		var spec target.Spec
		if err := json.Unmarshal(set.Manifest.Spec, &spec); err != nil {
			return nil, fmt.Errorf("%s has a damaged manifest (%w); give --system", path, err)
		}
		return target.FromSpec(spec)
	}
	return nil, fmt.Errorf("no file says what system it is of; give --system NAME, such as dw4")
}
