package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/ensemble"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/eqflow/zmatrix"
	"github.com/eqflow/gonb-eqflow/internal/atomic"
)

// zmatrixFlags choose the internal coordinates of a molecule.
type zmatrixFlags struct{ path, write string }

// add gives a command the flags.
func (f *zmatrixFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.path, "zmatrix", "", "a `file` with a z-matrix by hand (see above)")
	flags.StringVar(&f.write, "write-zmatrix", "", "write the z-matrix to this `file`")
}

// coordinates describe the internal coordinates of a molecule.
type coordinates struct {
	ZMatrix zmatrix.ZMatrix  `json:"zmatrix"`
	Circles []zmatrix.Circle `json:"soft"`
	// Stiff are the stiff coordinates with their spreads at the structure.
	Stiff []stiffCoordinate `json:"stiff,omitempty"`
}

// stiffCoordinate is a bond, angle or dihedral angle by its atoms, with its thermal spread at 300 K
// in nm or rad while all others are fixed; 0 where the energy does not bend upwards.
type stiffCoordinate struct {
	Atoms  []int   `json:"atoms"`
	Spread float64 `json:"spread"`
}

// spreads fills in the stiff coordinates of the structure's first model, once it is relaxed.
func (c *coordinates) spreads(path, solvent string, s *molecule.System) error {
	if s.Structure == nil {
		return nil
	}
	target, err := ensemble.Read(path, 0, molecule.Options{Solvent: solvent})
	if err != nil {
		return nil // the description names what is refused
	}
	x := slices.Clone(s.Structure.Models.At(0))
	target.Settle(x)
	all, err := target.Spreads(c.ZMatrix, x)
	if err != nil {
		return asInput(err)
	}
	chart := zmatrix.Chart{ZMatrix: c.ZMatrix, Circles: c.Circles}
	for _, k := range chart.Stiff() {
		one := stiffCoordinate{Atoms: c.ZMatrix.AtomsOf(k), Spread: all[k]}
		if math.IsInf(one.Spread, 0) {
			one.Spread = 0
		}
		c.Stiff = append(c.Stiff, one)
	}
	return nil
}

// loosest is the stiff coordinate of each kind, by its number of atoms, with the largest spread.
func (c *coordinates) loosest() (out []stiffCoordinate) {
	for atoms := 2; atoms <= 4; atoms++ {
		best := stiffCoordinate{}
		for _, s := range c.Stiff {
			if len(s.Atoms) == atoms && s.Spread > best.Spread {
				best = s
			}
		}
		if best.Atoms != nil {
			out = append(out, best)
		}
	}
	return out
}

// readZMatrix returns the z-matrix of a file, or that of the rule if there is no path, with its
// soft coordinates.
func readZMatrix(path string, s *molecule.System) (*coordinates, error) {
	shape := ensemble.ShapeOf(s)
	var z zmatrix.ZMatrix
	var err error
	if path == "" {
		z, err = zmatrix.FromShape(shape)
	} else {
		z, err = zmatrix.Read(path, shape.Atoms)
	}
	if err != nil {
		return nil, asInput(err)
	}
	return &coordinates{ZMatrix: z, Circles: listed(z.Circles(shape))}, nil
}

// describe makes the coordinates, and writes the z-matrix if that is asked for. Without the flags,
// a molecule that has none, such as one in parts, is no error.
func (f *zmatrixFlags) describe(s *molecule.System) (*coordinates, error) {
	c, err := readZMatrix(f.path, s)
	if err != nil {
		if f.path == "" && f.write == "" && errors.Is(err, zmatrix.ErrInput) {
			return nil, nil
		}
		return nil, err
	}
	if f.write == "" {
		return c, nil
	}
	return c, atomic.WriteFile(f.write, []byte(c.ZMatrix.String()))
}

// showCoordinates prints the split of the internal coordinates.
func (d moleculeDescription) showCoordinates(out io.Writer) {
	if d.Coordinates == nil {
		fmt.Fprintln(out, "coordinates    none internal: the molecule is in parts, or has fewer than 3 atoms")
		return
	}
	z, soft := d.Coordinates.ZMatrix, d.Coordinates.Circles
	n := z.Atoms()
	fmt.Fprintf(out, "coordinates    %d bonds, %d angles, %d dihedral angles; %d soft, %d stiff\n",
		n-1, n-2, n-3, len(soft), z.Shapes()-len(soft))
	for _, c := range soft {
		r := z[c.Members[0]]
		fmt.Fprintf(out, "  soft     %s", d.atoms(r.Atom, r.Bond, r.Angle, r.Dihedral))
		if c.Fold() > 1 {
			fmt.Fprintf(out, ", %d-fold with", c.Fold())
			for _, k := range c.Members[1:] {
				fmt.Fprintf(out, " %s", d.atoms(z[k].Atom))
			}
		}
		fmt.Fprintln(out)
	}
	for _, s := range d.Coordinates.loosest() {
		unit := map[bool]string{true: "nm", false: "rad"}[len(s.Atoms) == 2]
		fmt.Fprintf(out, "  loosest  %s, ± %.2g %s at 300 K, the others fixed\n", d.atoms(s.Atoms...), s.Spread, unit)
	}
	if len(d.Rings) > 0 {
		fmt.Fprintln(out, "  the dihedral angles of rings are stiff, about one pucker")
	}
}

// suitData gives the internal flow the coordinates of the molecule, with hands, centres and spreads
// from the data, or from the structure and its energy.
func (o *trainOptions) suitData(cmd *cobra.Command, g *eqflow.Generator, data train.Data) error {
	internal, ok := g.Flow.(flow.Internal)
	if !ok || o.from != "" {
		if o.zmatrix != "" {
			return fmt.Errorf("--zmatrix is for --flow internal; leave it out")
		}
		return nil
	}
	c, ok := g.Target.(*ensemble.Canonical)
	if !ok {
		return fmt.Errorf("--flow internal is for a molecule, and %s is none; give one by --openmm, or leave "+
			"--flow out", g.Target.Name())
	}
	chosen, err := readZMatrix(o.zmatrix, c.System())
	if err != nil {
		return err
	}
	source := "the data"
	if data.Train.Len() > 0 {
		internal.Chart, err = zmatrix.Fit(chosen.ZMatrix, chosen.Circles, data.Train)
	} else {
		internal.Chart, source, err = o.relaxedChart(c, chosen)
	}
	if err != nil {
		return err
	}
	g.Flow = internal
	turning := 0
	for _, circle := range chosen.Circles {
		if circle.Fold() > 1 {
			turning++
		}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "eqflow: %d soft and %d stiff internal coordinates; equivalent atoms turn at %d "+
		"rotors; mirror images, their other orders, and basins of stiff angles outside %s are not covered\n",
		len(chosen.Circles), len(internal.Chart.Stiff()), turning, source)
	return nil
}

// relaxedChart takes hands, centres and spreads from the structure, and says so.
func (o *trainOptions) relaxedChart(c *ensemble.Canonical, chosen *coordinates) (zmatrix.Chart, string, error) {
	path := o.system.molecule.structure
	if path == "" {
		return zmatrix.Chart{}, "", fmt.Errorf("--flow internal takes its hands, centres and spreads from " +
			"--data FILE, or from --structure FILE where an objective has no data; give one of them")
	}
	models := c.System().Structure.Models
	if err := c.CheckEnergies(models); err != nil {
		return zmatrix.Chart{}, "", inFile(path, err)
	}
	chart, energies, err := c.Chart(chosen.ZMatrix, chosen.Circles, models.At(0))
	return chart, fmt.Sprintf("%s, relaxed by %d energies,", path, energies), err
}
