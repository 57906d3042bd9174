package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// moleculeFlags choose a molecule: its System file, and the names of its atoms.
type moleculeFlags struct {
	openmm, structure string
	lift              bool
}

// add gives a command the flags.
func (m *moleculeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.openmm, "openmm", "", "a molecule's System `file` (.xml) of OpenMM; lengths are in nm")
	addStructureFlag(cmd, &m.structure)
	addLiftFlag(cmd, &m.lift)
}

// addLiftFlag gives a command the flag --lift-constraints.
func addLiftFlag(cmd *cobra.Command, lift *bool) {
	cmd.Flags().BoolVar(lift, "lift-constraints", false,
		"compute the energy of a System with constraints as if it had none")
}

// given reports whether a System file is given.
func (m *moleculeFlags) given() bool { return m.openmm != "" }

// read reads the System file.
func (m *moleculeFlags) read() (*ensemble.Canonical, error) {
	t, err := ensemble.Read(m.openmm, 0, molecule.Options{LiftConstraints: m.lift})
	if errors.Is(err, molecule.ErrConstraints) {
		return nil, fmt.Errorf("%w; --lift-constraints lifts them", err)
	}
	return t, err
}

// attach gives a molecule the names of --structure.
func (m *moleculeFlags) attach(t target.Target) error {
	if m.structure == "" {
		return nil
	}
	c, ok := t.(*ensemble.Canonical)
	if !ok {
		return fmt.Errorf("--structure %s: %s is no molecule and has no atoms to name; leave --structure out",
			m.structure, t.Name())
	}
	names, err := molecule.ReadPDB(m.structure)
	if err != nil {
		return err
	}
	return inFile(m.structure, c.System().Attach(names))
}

// chiralities counts the hands of a molecule's configurations; nil for another system.
func chiralities(t target.Target, x particle.Batch) []molecule.Chirality {
	c, ok := t.(*ensemble.Canonical)
	if !ok {
		return nil
	}
	return c.Chiralities(x)
}

// chiralitiesOf is chiralities of samples on the disk.
func chiralitiesOf(t target.Target, table campaign.Table) ([]molecule.Chirality, error) {
	c, ok := t.(*ensemble.Canonical)
	if !ok {
		return nil, nil
	}
	hands := c.System().NewHands()
	err := table.Configurations(t.Particles(), t.Dim(), func(x particle.Batch) error {
		hands.Add(x)
		return nil
	})
	return hands.Chiralities(), err
}

// trainedMoleculeFlags are the flags of commands that take the system from a model.
type trainedMoleculeFlags struct {
	moleculeFlags
	temperature float64
}

// add gives a command the flags.
func (m *trainedMoleculeFlags) add(cmd *cobra.Command) {
	m.moleculeFlags.add(cmd)
	cmd.Flags().Float64Var(&m.temperature, "temperature", 0,
		"reweight a molecule's samples to this temperature in K (default: that of the model)")
}

// load is computeFlags.load for a model that may be of a molecule. It reads the System file first,
// so that a model whose folder does not hold the file finds it.
func (m *trainedMoleculeFlags) load(
	cmd *cobra.Command, compute computeFlags, folder string,
) (*eqflow.Model, func(), error) {
	var given *ensemble.Canonical
	if m.openmm != "" {
		var err error
		if given, err = m.read(); err != nil {
			return nil, nil, asInput(err)
		}
	}
	model, done, err := compute.load(cmd, folder)
	if err != nil {
		return nil, nil, err
	}
	if err := m.apply(cmd, model, given); err != nil {
		done()
		return nil, nil, err
	}
	return model, done, nil
}

// apply names the atoms of a model's molecule, sets its temperature, and refuses a System file that
// is not the model's. given is the molecule of --openmm, nil without the flag.
func (m *trainedMoleculeFlags) apply(cmd *cobra.Command, model *eqflow.Model, given *ensemble.Canonical) error {
	changed := cmd.Flags().Changed("temperature")
	if m.openmm == "" && m.structure == "" && !changed {
		return nil
	}
	c, ok := model.Target.(*ensemble.Canonical)
	if !ok {
		return inputErrorf("the model is of %s, no molecule; leave --openmm, --structure and --temperature out",
			model.Target.Name())
	}
	if given != nil {
		if different := target.Difference(given.At(c.Temperature()).Spec(), c); different != "" {
			return inputErrorf("--openmm %s is not the model's molecule: %s; leave --openmm out", m.openmm, different)
		}
	}
	if changed {
		c = c.At(m.temperature)
		if err := c.Validate(); err != nil {
			return asInput(err)
		}
		model.Target = c
	}
	return asInput(m.attach(c))
}
