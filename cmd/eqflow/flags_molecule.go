package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/campaign"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// moleculeFlags choose a molecule: its file, its solvent, and the names of its atoms.
type moleculeFlags struct {
	files              map[string]*string // by the name of their format, which is the flag's too
	solvent, structure string
	lift               bool
}

// add gives a command the flags.
func (m *moleculeFlags) add(cmd *cobra.Command) {
	m.files = map[string]*string{}
	for _, f := range molecule.Formats {
		m.files[f.Name] = cmd.Flags().String(f.Name, "", "a molecule's `file`: an "+f.File+"; lengths are in nm")
	}
	addSolventFlag(cmd, &m.solvent)
	addStructureFlag(cmd, &m.structure)
	cmd.Flags().BoolVar(&m.lift, "lift-constraints", false,
		"compute the energy of a System with constraints as if it had none")
}

// addSolventFlag gives a command the flag --solvent.
func addSolventFlag(cmd *cobra.Command, solvent *string) {
	cmd.Flags().StringVar(solvent, "solvent", "", "the implicit `solvent` of an Amber topology: "+
		strings.Join(molecule.Solvents(), ", ")+" (default none)")
}

// fileFlags names the flags of the files.
func fileFlags() string {
	var names []string
	for _, f := range molecule.Formats {
		names = append(names, "--"+f.Name+" FILE")
	}
	return strings.Join(names, " or ")
}

// given reports whether a file is given.
func (m *moleculeFlags) given() bool { return m.count() > 0 }

// count is the number of files that are given.
func (m *moleculeFlags) count() (given int) {
	for _, path := range m.files {
		if *path != "" {
			given++
		}
	}
	return given
}

// file returns the path of the file, "" without one, and how to read it.
func (m *moleculeFlags) file() (path string, o molecule.Options, err error) {
	o = molecule.Options{LiftConstraints: m.lift, Solvent: m.solvent}
	for format, given := range m.files {
		if *given != "" {
			path, o.Format = *given, format
		}
	}
	switch {
	case m.count() > 1:
		err = inputErrorf("give the molecule by one of %s, not by both", fileFlags())
	case path == "" && m.solvent != "":
		err = inputErrorf("--solvent %s belongs to an Amber topology; give it by --amber FILE", m.solvent)
	}
	return path, o, err
}

// read reads the file.
func (m *moleculeFlags) read() (*ensemble.Canonical, error) {
	path, o, err := m.file()
	if err != nil {
		return nil, err
	}
	t, err := ensemble.Read(path, 0, o)
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
	return attachStructure(c.System(), m.structure)
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

// load is computeFlags.load for a model that may be of a molecule. It reads the file first,
// so that a model whose folder does not hold the file finds it.
func (m *trainedMoleculeFlags) load(
	cmd *cobra.Command, compute computeFlags, folder string,
) (*eqflow.Model, func(), error) {
	var given *ensemble.Canonical
	if m.given() || m.solvent != "" {
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

// apply names the atoms of a model's molecule, sets its temperature, and refuses a file that is not
// the model's. given is the molecule of the file, nil without one.
func (m *trainedMoleculeFlags) apply(cmd *cobra.Command, model *eqflow.Model, given *ensemble.Canonical) error {
	changed := cmd.Flags().Changed("temperature")
	if !m.given() && m.structure == "" && !changed {
		return nil
	}
	c, ok := model.Target.(*ensemble.Canonical)
	if !ok {
		return inputErrorf("the model is of %s, no molecule; leave its file, --structure and --temperature "+
			"out", model.Target.Name())
	}
	if given != nil {
		if different := target.Difference(given.At(c.Temperature()).Spec(), c); different != "" {
			path, o, _ := m.file()
			return inputErrorf("--%s %s is not the model's molecule: %s; leave --%s "+
				"out", o.Format, path, different, o.Format)
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
