package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
)

const moleculeHelp = `Describes a molecule with its force field, from the System file that OpenMM writes
(openmm.XmlSerializer.serialize(system)) or an Amber topology (.prmtop, in the solvent of
--solvent): the atoms, the terms of each force, the solvent, cutoffs, constraints, the total
charge, the bonds that turn, rings, stereocentres and equivalent atoms. It names what
"eqflow energy" would refuse, and what that would need.

The solvents of --solvent are those of OpenMM's AmberPrmtopFile: water of dielectric constant 78.5,
no salt, and the energy of the surface (ACE), which sander adds only where gbsa is set.

Internal coordinates are those of a z-matrix that a rule makes of the bonds, or of one that was
written by hand (--zmatrix). A line of the file places one atom: its number, the atoms of its bond,
angle and dihedral angle, and the word soft if the dihedral angle turns freely. --write-zmatrix
writes the rule's.

With --structure it names the atoms, after it has checked that the structure is of this
system. Atoms have numbers from 0, as in OpenMM.`

const moleculeExamples = `  eqflow molecule alanine.xml
  eqflow molecule alanine.xml --structure alanine.pdb --json
  eqflow molecule alanine.prmtop --solvent obc1 --structure alanine.rst7`

// moleculeOptions are the flags of "eqflow molecule".
type moleculeOptions struct {
	structure, solvent string
	zmatrix            zmatrixFlags
	asJSON             bool
}

// newMoleculeCommand describes a molecule.
func newMoleculeCommand() *cobra.Command {
	var o moleculeOptions
	cmd := &cobra.Command{
		Use:     "molecule FILE",
		Short:   "Describe a molecule with its force field",
		Long:    moleculeHelp,
		Example: moleculeExamples,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return moleculeError(o.run(cmd.OutOrStdout(), files[0]))
		},
	}
	addStructureFlag(cmd, &o.structure)
	addSolventFlag(cmd, &o.solvent)
	o.zmatrix.add(cmd)
	addJSONFlag(cmd, &o.asJSON)
	return cmd
}

// addStructureFlag gives a command the flag --structure.
func addStructureFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "structure", "",
		"a `file` with the names of the atoms and their places: .pdb; of an Amber topology also .inpcrd, .rst7 or .ncrst")
}

// moleculeError marks errors of files as wrong input.
func moleculeError(err error) error {
	if errors.Is(err, molecule.ErrInput) {
		return asInput(err)
	}
	return modelError(err)
}

// inFile says in which file an error of the package molecule arose; nil stays nil.
func inFile(path string, err error) error {
	if !errors.Is(err, molecule.ErrInput) {
		return err
	}
	return inputErrorf("%s: %s", path, strings.TrimPrefix(err.Error(), "molecule: "))
}

// readMolecule reads a System and, unless its path is empty, the structure with the names.
func readMolecule(path, structure string, o molecule.Options) (*molecule.System, error) {
	system, err := molecule.Read(path, o)
	if err != nil || structure == "" {
		return system, err
	}
	return system, attachStructure(system, structure)
}

// attachStructure gives a System the names of a structure's file.
func attachStructure(s *molecule.System, path string) error {
	names, err := s.ReadStructure(path)
	if err != nil {
		return err
	}
	return inFile(path, s.Attach(names))
}

func (o *moleculeOptions) run(out io.Writer, path string) error {
	system, err := readMolecule(path, o.structure, molecule.Options{Solvent: o.solvent})
	if err != nil {
		return err
	}
	d := describeMolecule(system)
	if d.Coordinates, err = o.zmatrix.describe(system); err != nil {
		return err
	}
	if d.Coordinates != nil {
		if err := d.Coordinates.spreads(path, o.solvent, system); err != nil {
			return err
		}
	}
	if o.asJSON {
		return writeJSON(out, d)
	}
	d.show(out)
	return nil
}

// moleculeDescription is the result of "eqflow molecule".
type moleculeDescription struct {
	Atoms       int                 `json:"atoms"`
	Formula     string              `json:"formula"`
	Molecules   int                 `json:"molecules"`
	Mass        float64             `json:"mass_u"`
	Charge      float64             `json:"charge_e"`
	Forces      []forceDescription  `json:"forces"`
	Solvent     string              `json:"solvent"`
	Constraints int                 `json:"constraints"`
	Unheld      int                 `json:"constraints_without_spring"`
	Bonds       int                 `json:"bonds"`
	Rotors      []rotorDescription  `json:"rotors"`
	Rings       [][]int             `json:"rings"`
	Centres     []centreDescription `json:"stereocentres"`
	Equivalent  [][]int             `json:"equivalent"`
	Refused     []molecule.Refusal  `json:"refused"`
	SHA256      string              `json:"sha256"`
	Format      string              `json:"format"`
	Writer      string              `json:"writer"` // of the file, as far as it says so
	OpenMM      string              `json:"openmm,omitempty"`
	Labels      []string            `json:"labels"`           // of the atoms: names of the structure, or elements
	Models      int                 `json:"models,omitempty"` // of the structure
	Coordinates *coordinates        `json:"internal_coordinates,omitempty"`
}

type forceDescription struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Group int    `json:"group"`
	Terms int    `json:"terms"`
	What  string `json:"what"` // the terms and their settings in words
}

type rotorDescription struct {
	Bond [2]int             `json:"bond"`
	Kind molecule.RotorKind `json:"kind"`
}

type centreDescription struct {
	Atom       int    `json:"atom"`
	Neighbours [4]int `json:"neighbours"`
	Sign       int    `json:"sign,omitempty"`
	Handedness string `json:"handedness,omitempty"`
}

func describeMolecule(s *molecule.System) moleculeDescription {
	t := s.Topology()
	d := moleculeDescription{
		Atoms: s.Atoms(), Formula: s.Formula(), Molecules: t.Molecules, Charge: s.Charge(),
		Constraints: len(s.Constraints), Unheld: len(s.Unheld()), Bonds: len(t.Bonds), Rings: listed(t.Rings),
		Equivalent: listed(t.Equivalent), Refused: listed(s.Refusals), SHA256: s.SHA256, OpenMM: s.OpenMM,
		Format: s.Format, Writer: s.Writer(),
		Solvent: "none", Rotors: []rotorDescription{}, Centres: []centreDescription{}, Labels: s.Elements(),
	}
	for _, m := range s.Masses {
		d.Mass += m
	}
	names := s.ForceNames()
	for k, f := range s.Forces {
		d.Forces = append(d.Forces, forceDescription{names[k], f.Type, f.Group, f.Terms.Len(), describeTerms(f.Terms)})
		if b, ok := f.Terms.(*molecule.Born); ok {
			d.Solvent = b.Model
		}
	}
	for _, r := range t.Rotors {
		d.Rotors = append(d.Rotors, rotorDescription(r))
	}
	for _, c := range t.Stereocentres {
		d.Centres = append(d.Centres, centreDescription(c))
	}
	named := s.Names
	if s.Structure != nil {
		d.Models, named = s.Structure.Models.Len(), s.Structure.Atoms
	}
	for i, a := range named {
		d.Labels[i] = a.String()
	}
	return d
}

// listed returns a list that JSON shows as [] rather than null if it is empty.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// describeTerms says in words what a force's terms are.
func describeTerms(terms molecule.Terms) string {
	cut := func(distance float64) string {
		if distance == 0 {
			return "no cutoff"
		}
		return fmt.Sprintf("cutoff %g nm", distance)
	}
	switch t := terms.(type) {
	case molecule.Bonds:
		return fmt.Sprintf("%d bonds", t.Len())
	case molecule.Angles:
		return fmt.Sprintf("%d angles", t.Len())
	case molecule.Torsions, molecule.RBTorsions:
		return fmt.Sprintf("%d torsions", t.Len())
	case *molecule.Maps:
		return fmt.Sprintf("%d pairs of torsions, %d maps", t.Len(), len(t.Grids))
	case *molecule.Nonbonded:
		text := fmt.Sprintf("%d atoms, %d exceptions, %s", t.Len(), len(t.Exceptions), cut(t.Cutoff))
		if t.Cutoff > 0 {
			text += fmt.Sprintf(", reaction field of dielectric %g", t.Dielectric)
		}
		if t.Switch > 0 {
			text += fmt.Sprintf(", switched off from %g nm", t.Switch)
		}
		return text
	case *molecule.Born:
		text := fmt.Sprintf("%s, dielectrics %g and %g, %s", t.Model, t.Solute, t.Solvent, cut(t.Cutoff))
		if t.Kappa != 0 {
			text += fmt.Sprintf(", salt of kappa %g/nm", t.Kappa)
		}
		if t.Surface == 0 {
			return text + ", no surface energy"
		}
		return text + fmt.Sprintf(", surface energy %.5g kJ/mol/nm2", t.Surface)
	}
	return "no energy"
}

// show prints the description for people.
func (d moleculeDescription) show(out io.Writer) {
	fmt.Fprintf(out, "atoms          %d: %s\nmolecules      %d\nmass           %.4f u\ncharge         %.4f e\n",
		d.Atoms, d.Formula, d.Molecules, d.Mass, d.Charge+0)
	for _, f := range d.Forces {
		name := f.Name
		if f.Name != f.Type {
			name += " (" + f.Type + ")"
		}
		fmt.Fprintf(out, "force          %s, group %d: %s\n", name, f.Group, f.What)
	}
	fmt.Fprintf(out, "solvent        %s\nconstraints    %d", d.Solvent, d.Constraints)
	if d.Constraints > 0 {
		fmt.Fprintf(out, ", of which %d have no spring; eqflow energy takes them with --lift-constraints", d.Unheld)
	}
	fmt.Fprintf(out, "\nbonds          %d\nrings          %s\n", d.Bonds, orNone(len(d.Rings)))
	for _, ring := range d.Rings {
		fmt.Fprintf(out, "  %s\n", d.atoms(ring...))
	}
	fmt.Fprintf(out, "rotors         %s\n", orNone(len(d.Rotors)))
	for _, r := range d.Rotors {
		fmt.Fprintf(out, "  %-8s %s\n", r.Kind, d.atoms(r.Bond[:]...))
	}
	fmt.Fprintf(out, "stereocentres  %s\n", orNone(len(d.Centres)))
	for _, c := range d.Centres {
		fmt.Fprintf(out, "  %s of %s%s\n", d.atoms(c.Atom), d.atoms(c.Neighbours[:]...), handedness(c))
	}
	fmt.Fprintf(out, "equivalent     %s\n", orNone(len(d.Equivalent)))
	for _, set := range d.Equivalent {
		fmt.Fprintf(out, "  %s\n", d.atoms(set...))
	}
	d.showCoordinates(out)
	for _, r := range d.Refused {
		fmt.Fprintf(out, "refused        %s\n", r)
	}
	fmt.Fprintf(out, "file           %s, sha256 %s\n", d.Writer, d.SHA256)
}

func handedness(c centreDescription) string {
	switch {
	case c.Handedness != "":
		return ", " + c.Handedness
	case c.Sign != 0:
		return fmt.Sprintf(", sign %+d", c.Sign)
	}
	return ""
}

func orNone(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// atoms lists atoms with their labels.
func (d moleculeDescription) atoms(numbers ...int) string {
	parts := make([]string, len(numbers))
	for k, i := range numbers {
		parts[k] = fmt.Sprint(i)
		if d.Labels[i] != "" {
			parts[k] += " (" + d.Labels[i] + ")"
		}
	}
	return strings.Join(parts, ", ")
}
