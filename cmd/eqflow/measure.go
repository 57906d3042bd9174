package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/internal/finite"
)

const measureHelp = `Compares samples of any program with reference data, by the measures that "eqflow eval" applies to
its own samples: W2 over rotation, reflection and relabelling, W2 of energies and of pair distances,
total variation, and free energies along collective variables. The system is given by --system, or
by the file.

W2 relabels the particles first and rotates them afterwards, as in published tables. It is an upper
bound of the least W2 over all relabellings, which stands beside it for up to six particles where
its alignments are at most 1e8, as for 2000 configurations of four particles. The configurations of
--compare are drawn at random from both files.

The array log_w holds log-weights, as "eqflow sample" writes, of any numeric type with one number
for each configuration. Without log_w there are no reweighted distances. An .npz has the
configurations as x. An .xyz names its columns by Properties in the comment line; without
Properties its lines are a symbol or a type and the coordinates. What is taken from a file, and
which arrays are not used, is printed.

The configurations of a molecule (--openmm, --amber) may also be the models of a .pdb or the frames
of a .dcd or .nc. Its samples are counted by their hand at every stereocentre, mirrored against
--structure.

A collective variable is an expression:

` + measure.ExpressionHelp + `.`

const measureExamples = `  eqflow measure samples.npz --data reference.npz
  eqflow measure theirs.npy --data ours.npz --system lj13 --compare 1000`

// measureOptions are the flags of "eqflow measure".
type measureOptions struct {
	system    systemFlags
	data      string
	size      int
	seed      uint64
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
		Example: measureExamples,
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, paths []string) error { return o.run(cmd, paths[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.data, "data", "", "the reference `file`: .npz, .npy or .xyz")
	flags.IntVar(&o.size, "compare", 2000, "number of configurations of each file for W2")
	flags.Uint64Var(&o.seed, "seed", 0, "seed of the random subsets for --compare")
	flags.StringArrayVar(&o.variables, "cv", nil,
		"compute the free energy along a collective variable, an `expression` (see above); may be repeated")
	o.system.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	require(cmd, "data")
	return cmd
}

// measured is the result of "eqflow measure".
type measured struct {
	System      string `json:"system"`
	Description string `json:"description,omitempty"`
	measure.Distances
	FreeEnergies []measure.Profile    `json:"free_energies,omitempty"`
	Chirality    []molecule.Chirality `json:"chirality,omitempty"` // of the samples
}

func (o *measureOptions) run(cmd *cobra.Command, path string) error {
	if o.size < 1 {
		return inputErrorf("--compare %d configurations; give at least 1", o.size)
	}
	t, err := o.target(cmd, path, o.data)
	if err != nil {
		return asInput(err)
	}
	sample, err := readSample(cmd, t, path)
	if err != nil {
		return asInput(err)
	}
	reference, err := readReference(cmd, t, o.data)
	if err != nil {
		return asInput(err)
	}
	result := measured{System: t.Name(), Description: target.DescriptionOf(t), Chirality: chiralities(t, sample.X)}
	if result.FreeEnergies, err = o.freeEnergies(cmd, t, sample, reference); err != nil {
		return asInput(err)
	}
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = time.Now() // work shorter than an interval needs no progress
	c := measure.Comparison{
		Size: o.size, Relabelling: target.RelabellingOf(t), Least: true, Seed: o.seed,
		Report: func(done, total int) { line.show("%d of %d configurations", done, total) },
	}
	result.Distances, err = c.Compare(cmd.Context(), sample, reference)
	line.clear()
	if err != nil {
		return err
	}
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), finite.Fields(result))
	}
	showDescription(cmd.OutOrStdout(), "molecule ", result.Description)
	showChirality(cmd.OutOrStdout(), "chirality ", result.Chirality)
	showDistances(cmd.OutOrStdout(), result.Distances)
	for _, p := range result.FreeEnergies {
		showProfile(cmd.OutOrStdout(), p)
	}
	return nil
}

// freeEnergies computes the free energies along the variables of --cv.
func (o *measureOptions) freeEnergies(
	cmd *cobra.Command, t target.Target, sample, reference measure.Sample,
) ([]measure.Profile, error) {
	var profiles []measure.Profile
	for _, text := range o.variables {
		v, err := measure.ParseVariable(text, t.Particles(), t.Dim())
		if err != nil {
			return nil, err
		}
		if without, err := v.Check(sample); err == nil && without > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: --cv %s: %d of %d samples have no finite value and are in no bin\n",
				v.Name, without, sample.X.Len())
		}
		p, err := v.FreeEnergy(sample, reference, stats.Bootstrap{})
		if err != nil {
			return nil, err
		}
		profiles = append(profiles, p)
	}
	return profiles, nil
}

// target is the system of the flags, or else of the first file that names its system.
func (o *measureOptions) target(cmd *cobra.Command, paths ...string) (target.Target, error) {
	if o.system.name != "" || o.system.spec != "" || o.system.molecule.given() {
		t, _, err := o.system.target(cmd)
		return t, err
	}
	unread := ""
	for _, path := range paths {
		set, err := dataset.Read(path, 0, 0)
		if err != nil {
			unread += "; " + err.Error()
		}
		if err != nil || len(set.Manifest.Spec) == 0 {
			continue
		}
		var spec target.Spec
		if err := json.Unmarshal(set.Manifest.Spec, &spec); err != nil {
			return nil, fmt.Errorf("%s has a damaged manifest (%w); give --system", path, err)
		}
		t, err := target.FromSpec(spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return t, o.system.molecule.attach(t)
	}
	return nil, fmt.Errorf("no file names its system; give --system NAME, such as dw4%s", unread)
}
