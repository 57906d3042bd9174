package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

const energyHelp = `Computes energies and forces of a molecule's configurations, from the System file that OpenMM
writes (openmm.XmlSerializer.serialize(system)), or from an Amber topology in the solvent of
--solvent. It needs neither OpenMM nor Amber. What the System has that changes the energy and is
not supported is refused; "eqflow molecule" lists it.

The configurations are x [N, n, 3] in nm, or in angstrom with --unit angstrom, of an .npz, .npy
or .xyz. The models of a .pdb, the frames of a .dcd and Amber's .inpcrd, .rst7, .ncrst and .nc are
in angstrom always. Bond lengths that speak for another unit are an error.

--out writes an .npz: x in nm, energy [N] and by_force [N, K] and by_group [N, G] in kJ/mol,
forces [N, n, 3] in kJ/mol/nm. Its manifest names the forces, the groups and the units, and has
the SHA-256 of the file.`

const energyExamples = `  eqflow energy --openmm alanine.xml samples.npz --out energies.npz
  eqflow energy --openmm alanine.xml --structure alanine.pdb alanine.pdb --json
  eqflow energy --amber alanine.prmtop --solvent obc1 alanine.rst7
  eqflow energy --openmm alanine.xml trajectory.xyz --unit angstrom --out energies.npz`

// energyOptions are the flags of "eqflow energy".
type energyOptions struct {
	molecule      moleculeFlags
	unit, out     string
	force, asJSON bool
}

// newEnergyCommand computes energies of a molecule.
func newEnergyCommand() *cobra.Command {
	var o energyOptions
	cmd := &cobra.Command{
		Use:     "energy --openmm FILE.xml|--amber FILE.prmtop X",
		Short:   "Compute a molecule's energies and forces",
		Long:    energyHelp,
		Example: energyExamples,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			return moleculeError(o.run(cmd, files[0]))
		},
	}
	flags := cmd.Flags()
	o.molecule.add(cmd)
	flags.StringVar(&o.unit, "unit", "nm", "the `unit` of the coordinates in .npz, .npy and .xyz: nm or angstrom")
	flags.StringVar(&o.out, "out", "", "the `file` to write: .npz")
	flags.BoolVar(&o.force, "force", false, "replace the file if it exists")
	addJSONFlag(cmd, &o.asJSON)
	return cmd
}

func (o *energyOptions) run(cmd *cobra.Command, path string) error {
	if o.unit != "nm" && o.unit != "angstrom" {
		return inputErrorf("--unit %q: give nm or angstrom", o.unit)
	}
	if o.out != "" {
		if err := checkNpz(o.out); err != nil {
			return err
		}
		if err := checkOutput(o.out, o.force); err != nil {
			return err
		}
	}
	file, system, err := o.system()
	if err != nil {
		return err
	}
	potential, err := o.potential(cmd, system, file)
	if err != nil {
		return err
	}
	x, err := o.configurations(system, path)
	if err != nil {
		return err
	}
	start := time.Now()
	line := newStatus(cmd.ErrOrStderr(), cmd.Name())
	line.told = start // says nothing about short work
	energies, err := molecule.Evaluate(cmd.Context(), potential, x, func(done int) {
		line.show("%d of %d configurations", done, x.Len())
	})
	line.clear()
	if err != nil {
		return inFile(path, err)
	}
	result := summariseEnergies(system, energies)
	result.Seconds = time.Since(start).Seconds()
	if o.out != "" {
		if err := o.write(system, filepath.Base(file), x, energies); err != nil {
			return err
		}
		result.Out = o.out
	}
	if o.asJSON {
		return writeJSON(cmd.OutOrStdout(), result)
	}
	result.show(cmd.OutOrStdout())
	return nil
}

// system reads the molecule, and returns its file's path too.
func (o *energyOptions) system() (file string, s *molecule.System, err error) {
	file, options, err := o.molecule.file()
	if err != nil {
		return "", nil, err
	}
	if file == "" {
		return "", nil, inputErrorf("the molecule is missing; give it by %s", fileFlags())
	}
	s, err = readMolecule(file, o.molecule.structure, options)
	return file, s, err
}

// potential returns the energy of the system, and says on stderr if constraints are lifted.
func (o *energyOptions) potential(cmd *cobra.Command, s *molecule.System, file string) (molecule.Engine, error) {
	p, err := molecule.NewEngine(s, molecule.Options{LiftConstraints: o.molecule.lift}, molecule.Double)
	if errors.Is(err, molecule.ErrConstraints) {
		return nil, inFile(file, fmt.Errorf("%w; --lift-constraints lifts them", err))
	}
	if err != nil {
		return nil, inFile(file, err)
	}
	if len(s.Constraints) > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %d constraints are lifted; %d of them have no spring, so that nothing "+
			"holds those distances\n", len(s.Constraints), len(s.Unheld()))
	}
	return p, nil
}

// configurations reads the coordinates and converts them to nm.
func (o *energyOptions) configurations(s *molecule.System, path string) (particle.Batch, error) {
	if isTrajectory(path) {
		return trajectory(s, path)
	}
	set, err := dataset.Read(path, s.Atoms(), 3)
	if err != nil {
		return particle.Batch{}, err
	}
	x := set.Batch
	if o.unit == "angstrom" {
		for k := range x.X {
			x.X[k] *= 0.1
		}
	}
	if err := s.CheckLengths(x); err != nil {
		return x, inFile(path+", read in "+o.unit, fmt.Errorf("%w (--unit says the unit)", err))
	}
	return x, nil
}

// isTrajectory reports whether trajectory reads a file.
func isTrajectory(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".pdb" || ext == ".dcd" || molecule.IsRestart(path)
}

// trajectory reads the configurations of a .pdb, a .dcd or an Amber coordinate file.
func trajectory(s *molecule.System, path string) (x particle.Batch, err error) {
	switch {
	case strings.ToLower(filepath.Ext(path)) == ".pdb":
		return pdbConfigurations(s, path)
	case molecule.IsRestart(path):
		x, err = molecule.ReadRestart(path, s.Atoms())
	default:
		x, err = molecule.ReadDCD(path, s.Atoms())
	}
	if err != nil {
		return x, err
	}
	return x, inFile(path, s.CheckLengths(x))
}

// pdbConfigurations returns the models of a PDB file, whose atoms must be those of the system and
// of the structure.
func pdbConfigurations(s *molecule.System, path string) (particle.Batch, error) {
	t, err := molecule.ReadPDB(path)
	if err != nil {
		return particle.Batch{}, err
	}
	if s.Structure != nil {
		if err := s.Structure.SameAs(t); err != nil {
			return particle.Batch{}, inFile(path, err)
		}
		return t.Models, inFile(path, s.CheckLengths(t.Models))
	}
	return t.Models, inFile(path, s.Attach(t))
}

// energySettings is what the manifest says about the arrays.
type energySettings struct {
	File    string            `json:"file"`
	SHA256  string            `json:"file_sha256"`
	Writer  string            `json:"file_written_by"`
	Solvent string            `json:"solvent"`
	Lifted  int               `json:"constraints_lifted"`
	Forces  []string          `json:"by_force"`
	Groups  []int             `json:"by_group"`
	Units   map[string]string `json:"units"`
}

// write writes the arrays and their manifest.
func (o *energyOptions) write(s *molecule.System, file string, x particle.Batch, e molecule.Energies) error {
	groups, byGroup := groupEnergies(s, e)
	settings, err := json.Marshal(energySettings{
		File: file, SHA256: s.SHA256, Writer: s.Writer(), Solvent: s.Solvent(), Lifted: len(s.Constraints),
		Forces: s.ForceNames(), Groups: groups,
		Units: map[string]string{
			"x": "nm", "energy": "kJ/mol", "by_force": "kJ/mol", "by_group": "kJ/mol", "forces": "kJ/mol/nm",
		},
	})
	if err != nil {
		return err
	}
	n := x.Len()
	return dataset.Write(o.out, dataset.Set{
		Batch:    x,
		Manifest: dataset.Manifest{System: file, Settings: settings, CreatedBy: "eqflow energy"},
		Arrays: dataset.Arrays{
			dataset.Float64("energy", e.Total),
			dataset.Float64("by_force", e.ByForce, n, len(s.Forces)),
			dataset.Float64("by_group", byGroup, n, len(groups)),
			dataset.Float64("forces", e.Forces, n, x.N, 3),
		},
	}, o.force)
}

// groupEnergies adds the energies of forces by their group: the groups, ascending, and the energies
// [N, G].
func groupEnergies(s *molecule.System, e molecule.Energies) (groups []int, energies []float64) {
	for _, f := range s.Forces {
		groups = append(groups, f.Group)
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	for i := range e.Total {
		row := make([]float64, len(groups))
		for k, f := range s.Forces {
			row[slices.Index(groups, f.Group)] += e.ByForce[i*len(s.Forces)+k]
		}
		energies = append(energies, row...)
	}
	return groups, energies
}

// energySummary is the result of "eqflow energy".
type energySummary struct {
	N       int           `json:"n"`
	Energy  spread        `json:"energy_kj_per_mol"`
	ByForce []forceSpread `json:"by_force_kj_per_mol"`
	Force   float64       `json:"largest_force_kj_per_mol_nm"` // of one component
	Seconds float64       `json:"seconds"`
	Out     string        `json:"out,omitempty"`
}

// spread is where numbers lie: their mean, standard deviation and range.
type spread struct {
	Mean float64 `json:"mean"`
	SD   float64 `json:"sd"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

type forceSpread struct {
	Name  string `json:"name"`
	Group int    `json:"group"`
	spread
}

func summariseEnergies(s *molecule.System, e molecule.Energies) energySummary {
	out := energySummary{N: len(e.Total), Energy: spreadOf(e.Total)}
	for k, name := range s.ForceNames() {
		column := make([]float64, len(e.Total))
		for i := range column {
			column[i] = e.ByForce[i*len(s.Forces)+k]
		}
		out.ByForce = append(out.ByForce, forceSpread{name, s.Forces[k].Group, spreadOf(column)})
	}
	for _, v := range e.Forces {
		out.Force = max(out.Force, math.Abs(v))
	}
	return out
}

func spreadOf(values []float64) spread {
	out := spread{Min: slices.Min(values), Max: slices.Max(values)}
	for _, v := range values {
		out.Mean += v / float64(len(values))
	}
	for _, v := range values {
		out.SD += (v - out.Mean) * (v - out.Mean) / float64(len(values))
	}
	out.SD = math.Sqrt(out.SD)
	return out
}

// show prints the summary for people.
func (s energySummary) show(out io.Writer) {
	fmt.Fprintf(out, "%d configurations in %.2f s; kJ/mol\n%-24s %12s %10s %12s %12s\n",
		s.N, s.Seconds, "", "mean", "sd", "min", "max")
	row := func(name string, v spread) {
		fmt.Fprintf(out, "%-24s %12.4f %10.4f %12.4f %12.4f\n", name, v.Mean, v.SD, v.Min, v.Max)
	}
	row("energy", s.Energy)
	for _, f := range s.ByForce {
		row(f.Name, f.spread)
	}
	fmt.Fprintf(out, "largest force %.4g kJ/mol/nm\n", s.Force)
	if s.Out != "" {
		fmt.Fprintf(out, "written to %s\n", s.Out)
	}
}
