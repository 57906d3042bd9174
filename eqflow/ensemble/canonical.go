package ensemble

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/molecule"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// Gas is the molar gas constant in kJ/mol/K, so that kT of 300 K is 2.494339 kJ/mol.
const Gas = 8.31446261815324e-3

// RoomTemperature is the temperature where none is given, K.
const RoomTemperature = 300.0

// Canonical is a molecule at a temperature, a target.Target with u = U/kT. Read makes one.
type Canonical struct {
	temperature float64
	file        target.File
	engine      molecule.Engine // float64
	single      molecule.Engine // float32
	blocks      sync.Pool       // of *block
	fault       error           // why there is no energy
}

// block is the workspace of one block of configurations.
type block struct {
	x particle.Batch
	u [1]float64
}

// Temperature is in K.
func (c *Canonical) Temperature() float64 { return c.temperature }

// KT is in kJ/mol.
func (c *Canonical) KT() float64 { return Gas * c.temperature }

// System is the molecule. Attach a structure to it for the names of its atoms.
func (c *Canonical) System() *molecule.System { return c.engine.System() }

// At returns the same molecule at another temperature, in K.
func (c *Canonical) At(temperature float64) *Canonical {
	return &Canonical{temperature: temperature, file: c.file, engine: c.engine, single: c.single}
}

// Name has the formula, the solvent and the temperature: "C6H12N2O2-OBC2-300K". Two force fields of
// one molecule have one name; their files differ.
func (c *Canonical) Name() string {
	if c.engine == nil {
		return target.KindMolecule
	}
	formula := strings.ReplaceAll(c.System().Formula(), " ", "")
	return fmt.Sprintf("%s-%s-%gK", formula, c.System().Solvent(), c.temperature)
}

// Description names what the file says of the ensemble: at least four targets are called "alanine
// dipeptide".
func (c *Canonical) Description() string {
	s := c.System()
	constraints := "no constraints"
	if n := len(s.Constraints); n > 0 {
		constraints = fmt.Sprintf("%d constraints lifted", n)
	}
	return fmt.Sprintf("%s (%d atoms), %s; solvent %s; %g K, kT = %.6g kJ/mol; %s; nm; %s (%s), sha256 %.12s…",
		s.Formula(), s.Atoms(), s.ForceField(), s.Solvent(), c.temperature, c.KT(), constraints,
		c.file.Name, s.Writer(), c.file.SHA256)
}

// Particles is the number of atoms.
func (c *Canonical) Particles() int {
	if c.engine == nil {
		return 0
	}
	return c.System().Atoms()
}

// Dim is 3.
func (c *Canonical) Dim() int { return 3 }

// LengthUnit is that of package molecule.
func (c *Canonical) LengthUnit() string { return "nm" }

// Relabelling exchanges equivalent atoms alone.
func (c *Canonical) Relabelling() particle.Relabelling {
	types := make([]int, c.Particles())
	for i := range types {
		types[i] = i
	}
	for _, set := range c.System().Topology().Equivalent {
		for _, i := range set {
			types[i] = set[0]
		}
	}
	return particle.Relabelling{Types: types}
}

// PairMinimum is a length by which the lengths of fields are set: that of a bond between heavy
// atoms, nm.
func (c *Canonical) PairMinimum() float64 { return 0.15 }

// Sampling has no start: random coordinates would tie the bonds into knots. The chains of a
// molecule start from its structure.
func (c *Canonical) Sampling() target.Sampling { return target.Sampling{Forces: true} }

// Graphless implements target.Graphless.
func (c *Canonical) Graphless() {}

// Energy panics: the energy has no graph.
func (c *Canonical) Energy(*graph.Node) *graph.Node { panic(errNoGraph) }

var errNoGraph = errors.New("ensemble: the energy of a molecule has no graph; " +
	"choose an objective that evaluates it outside graphs, or --path-gradients")

// EnergyForces returns u of x [n*3] in nm and, if forces is not nil, writes −∇u [n*3] into it.
// Where the energy is not finite, u is +Inf and the forces are 0.
func (c *Canonical) EnergyForces(x, forces []float64) float64 {
	b, _ := c.blocks.Get().(*block)
	if b == nil {
		b = &block{}
	}
	defer c.blocks.Put(b)
	b.x = particle.Batch{X: x, N: c.Particles(), D: 3}
	c.EnergiesForces(b.x, b.u[:], forces)
	return b.u[0]
}

// Block implements target.Batched.
func (c *Canonical) Block() int { return c.engine.Block() }

// EnergiesForces implements target.Batched, in float64.
func (c *Canonical) EnergiesForces(x particle.Batch, u, forces []float64) {
	c.evaluate(c.engine, x, u, forces)
}

// RoughForces implements target.Rough, in float32 with relative errors of about 1e-5.
func (c *Canonical) RoughForces(x particle.Batch, u, forces []float64) {
	c.evaluate(c.single, x, u, forces)
}

func (c *Canonical) evaluate(e molecule.Engine, x particle.Batch, u, forces []float64) {
	out := molecule.Energies{Total: u, Forces: forces}
	if err := e.Compute(x, out); err != nil {
		c.oneByOne(e, x, u, forces)
	}
	beta := 1 / c.KT()
	for i := range u {
		u[i] *= beta
	}
	for k := range forces {
		forces[k] *= beta
	}
}

// oneByOne evaluates a block in which some configuration has no finite energy.
func (c *Canonical) oneByOne(e molecule.Engine, x particle.Batch, u, forces []float64) {
	width := x.N * x.D
	for i := range u {
		out := molecule.Energies{Total: u[i : i+1]}
		if forces != nil {
			out.Forces = forces[i*width : (i+1)*width]
		}
		if e.Compute(x.Slice(i, i+1), out) != nil {
			u[i] = math.Inf(1)
			clear(out.Forces)
		}
	}
}

// Chiralities counts the hands of configurations at every stereocentre.
func (c *Canonical) Chiralities(x particle.Batch) []molecule.Chirality {
	return c.System().Chiralities(x)
}

// CheckEnergies returns an error that names the first configuration without a finite energy, and
// the atoms at fault.
func (c *Canonical) CheckEnergies(x particle.Batch) error {
	return c.engine.Compute(x, molecule.Energies{Total: make([]float64, x.Len())})
}

// The descent of Settle: forces that chains bear, in kT/nm, the first displacement in nm, and the
// number of steps.
const (
	bearableForce = 2000.0
	settleStep    = 0.002
	settleSteps   = 2000
)

// Settle moves a configuration x [n*3] down its energy until no force is steeper than at room
// temperature. Structures from elsewhere strain a force field, and trajectories from steep places
// are all rejected. It returns the number of energies that this takes.
func (c *Canonical) Settle(x []float64) (energies int) {
	forces, next := make([]float64, len(x)), make([]float64, len(x))
	u, step := c.EnergyForces(x, forces), settleStep
	energies = 1
	for range settleSteps {
		steepest := 0.0
		for _, f := range forces {
			steepest = max(steepest, math.Abs(f))
		}
		if steepest < bearableForce {
			break
		}
		for k := range x {
			next[k] = x[k] + step*forces[k]/steepest
		}
		energies++
		if c.EnergyForces(next, nil) >= u {
			step /= 2
			continue
		}
		copy(x, next)
		u = c.EnergyForces(x, forces)
		energies++
		step *= 1.2
	}
	return energies
}

// CheckConfigurations returns an error if bond lengths show that configurations are in another unit
// than nm, or of another molecule.
func (c *Canonical) CheckConfigurations(x particle.Batch) error { return c.System().CheckLengths(x) }

// Reference is empty: no values are known.
func (c *Canonical) Reference() target.Reference { return target.Reference{} }

// Validate returns an error if there is no energy, or if the temperature is not positive.
func (c *Canonical) Validate() error {
	if c.fault != nil {
		return c.fault
	}
	if n := c.System().Molecules(); n > 1 {
		return molecule.InputErrorf("%s holds %d molecules, such as waters or ions, which drift apart without a box "+
			"and have no Boltzmann distribution; remove all but one", c.file.Name, n)
	}
	if !(c.temperature > 0) || math.IsInf(c.temperature, 0) {
		return fmt.Errorf("ensemble: %g K is no temperature of a Boltzmann distribution; give a positive number of "+
			"kelvin", c.temperature)
	}
	return nil
}

// Spec is the description from which target.FromSpec makes the molecule again.
func (c *Canonical) Spec() target.Spec {
	file := c.file
	return target.Spec{
		Kind: target.KindMolecule, N: c.Particles(), D: 3, File: &file,
		Constants: map[string]float64{"temperature": c.temperature},
	}
}

// newCanonical makes a molecule of the contents of its file.
func newCanonical(data []byte, file target.File, options molecule.Options, temperature float64) (*Canonical, error) {
	system, err := molecule.Parse(data, options)
	if err != nil {
		return nil, err
	}
	c := &Canonical{temperature: temperature, file: file}
	if c.engine, err = molecule.NewEngine(system, options, molecule.Double); err != nil {
		return nil, err
	}
	c.single, err = molecule.NewEngine(system, options, molecule.Single)
	return c, err
}
