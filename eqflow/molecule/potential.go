package molecule

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Engine is one implementation of a System's energy. Potential is the reference, in plain Go.
type Engine interface {
	System() *System
	// Block is the number of configurations that Compute takes at once with the least overhead.
	Block() int
	// Compute fills in out for the configurations x [m, n, 3] in nm. Arrays of out that are nil are
	// left out. Many goroutines may call it at once. An error is a *ConfigurationError.
	Compute(x particle.Batch, out Energies) error
}

// Energies are the results for N configurations of n atoms and K forces.
type Energies struct {
	Total   []float64 // [N], kJ/mol
	ByForce []float64 // [N, K], kJ/mol, in the order of System.Forces
	Forces  []float64 // [N, n, 3], kJ/mol/nm
}

// slice returns the results of configurations from (inclusive) to (exclusive) as a view.
func (e Energies) slice(from, to, forces, coordinates int) Energies {
	part := func(values []float64, width int) []float64 {
		if values == nil {
			return nil
		}
		return values[from*width : to*width : to*width]
	}
	return Energies{part(e.Total, 1), part(e.ByForce, forces), part(e.Forces, coordinates)}
}

// Potential computes the energy of a System in plain Go, in float64.
type Potential struct {
	system *System
	terms  []term
	spaces sync.Pool
}

// workspace is what one evaluation needs besides its results.
type workspace struct {
	forces, byForce []float64
	born            *bornSpace
}

func (w *workspace) bornSpace(n int) *bornSpace {
	if w.born == nil {
		w.born = newBornSpace(n)
	}
	return w.born
}

// Options are choices about a System that the file leaves open.
type Options struct {
	// LiftConstraints computes the energy of a System with constraints as if it had none. OpenMM
	// leaves out the springs of constrained bonds, so that nothing then holds those bonds: see
	// System.Unheld.
	LiftConstraints bool
	// Format is the Name of the file's Format; "" lets Parse find out.
	Format string
	// Solvent names the implicit solvent of an Amber topology, one of Solvents; "" stands for
	// "none". Parse regards it. OpenMM's System files hold their solvent.
	Solvent string
}

// NewPotential returns the energy of a System. It fails if a part of the System is not supported.
func NewPotential(s *System, o Options) (*Potential, error) {
	if err := s.refusal(); err != nil {
		return nil, err
	}
	if len(s.Constraints) > 0 && !o.LiftConstraints {
		text := fmt.Sprintf("the system has %d constraints, whose lengths the energy does not see: "+
			"write the system with constraints=None, or lift them (%d of them have no spring)",
			len(s.Constraints), len(s.Unheld()))
		return nil, &inputError{text: text, cause: ErrConstraints}
	}
	p := &Potential{system: s}
	for _, f := range s.Forces {
		p.terms = append(p.terms, f.Terms.compile(s.Atoms()))
	}
	p.spaces.New = func() any {
		return &workspace{forces: make([]float64, 3*s.Atoms()), byForce: make([]float64, len(s.Forces))}
	}
	return p, nil
}

// Unheld returns the constraints whose pair has no harmonic bond.
func (s *System) Unheld() []Constraint {
	held := map[[2]int]bool{}
	for _, f := range s.Forces {
		if bonds, ok := f.Terms.(Bonds); ok {
			for _, b := range bonds {
				held[[2]int{min(b.I, b.J), max(b.I, b.J)}] = true
			}
		}
	}
	var out []Constraint
	for _, c := range s.Constraints {
		if !held[[2]int{min(c.I, c.J), max(c.I, c.J)}] {
			out = append(out, c)
		}
	}
	return out
}

// System returns the system.
func (p *Potential) System() *System { return p.system }

// Block implements Engine.
func (p *Potential) Block() int { return 16 }

// Energy returns the energy in kJ/mol of one configuration x [n*3] in nm. If they are not nil, it
// writes the energies of the single forces into byForce [K], and −∇U in kJ/mol/nm into forces
// [n*3]. Many goroutines may call it at once.
//
// Where atoms coincide, the energy is +Inf and the error, which matches ErrInput, names the pair.
func (p *Potential) Energy(x, forces, byForce []float64) (float64, error) {
	if n := 3 * p.system.Atoms(); len(x) != n || forces != nil && len(forces) != n {
		return 0, inputErrorf("%d coordinates and %d forces are not those of %d atoms; give %d numbers",
			len(x), len(forces), n/3, n)
	}
	w := p.spaces.Get().(*workspace)
	defer p.spaces.Put(w)
	if forces == nil {
		forces = w.forces
	}
	if byForce == nil {
		byForce = w.byForce
	}
	clear(forces)
	total := 0.0
	for k, t := range p.terms {
		byForce[k] = t.add(x, forces, w)
		total += byForce[k]
	}
	check := total
	for _, v := range forces {
		check += v - v // 0, or NaN where v is not finite
	}
	if math.IsNaN(check) || math.IsInf(check, 0) {
		return math.Inf(1), p.fault(x, byForce)
	}
	return total, nil
}

// coincident is the distance below which the forces of a pair overflow or are undefined, nm.
const coincident = 1e-12

// fault says why the energy of a configuration is not finite.
func (p *Potential) fault(x, byForce []float64) error {
	n := p.system.Atoms()
	a, b, least := 0, 0, math.Inf(1)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if r := particle.Distance(x, 3, i, j); r < least || math.IsNaN(r) {
				a, b, least = i, j, r
			}
		}
	}
	switch {
	case math.IsNaN(least) || math.IsInf(least, 1):
		return inputErrorf("a coordinate is not a finite number; give finite coordinates")
	case least < coincident:
		return inputErrorf("%s and %s are at the same place, where the energy is infinite; move one of them",
			p.system.Label(a), p.system.Label(b))
	}
	name := "the forces"
	for k, e := range byForce {
		if math.IsNaN(e) || math.IsInf(e, 0) {
			name = "the energy of " + p.system.Forces[k].Name
			break
		}
	}
	return inputErrorf("%s is not finite; the nearest atoms, %s and %s, are %.3g nm apart, and three atoms of a "+
		"torsion must not lie in a line; move the atoms", name, p.system.Label(a), p.system.Label(b), least)
}

// Compute implements Engine.
func (p *Potential) Compute(x particle.Batch, out Energies) error {
	coordinates, forces := 3*p.system.Atoms(), len(p.terms)
	for i := range x.Len() {
		one := out.slice(i, i+1, forces, coordinates)
		e, err := p.Energy(x.At(i), one.Forces, one.ByForce)
		if err != nil {
			return &ConfigurationError{Configuration: i, Err: err}
		}
		if one.Total != nil {
			one.Total[0] = e
		}
	}
	return nil
}

// Evaluate computes the energies, the energies by force and the forces of all configurations x
// [N, n, 3] in nm, on all cores. report, if not nil, is called now and then with the number of
// configurations done, from one goroutine at a time. The result does not depend on the number of
// cores.
//
// The first configuration without a finite energy ends the work with a *ConfigurationError. The end
// of ctx ends the work with its cause.
func Evaluate(ctx context.Context, e Engine, x particle.Batch, report func(done int)) (Energies, error) {
	s := e.System()
	if x.N != s.Atoms() || x.D != 3 {
		return Energies{}, inputErrorf("configurations of %d particles in %d dimensions are not those of %d atoms "+
			"in 3; give coordinates of this system", x.N, x.D, s.Atoms())
	}
	size, coordinates, forces := x.Len(), 3*x.N, len(s.Forces)
	out := Energies{
		Total: make([]float64, size), ByForce: make([]float64, size*forces), Forces: make([]float64, size*coordinates),
	}
	block := max(1, e.Block())
	blocks := (size + block - 1) / block
	var lock sync.Mutex
	var failed error
	first, done := size, 0
	parallel.Each(blocks, func(b int) {
		from, to := b*block, min(size, (b+1)*block)
		lock.Lock()
		over := ctx.Err() != nil || from > first
		lock.Unlock()
		if over {
			return
		}
		err := e.Compute(x.Slice(from, to), out.slice(from, to, forces, coordinates))
		lock.Lock()
		defer lock.Unlock()
		if done += to - from; report != nil {
			report(done)
		}
		if err != nil {
			index := from
			var at *ConfigurationError
			if errors.As(err, &at) {
				index, err = from+at.Configuration, &ConfigurationError{from + at.Configuration, at.Err}
			}
			if index < first {
				first, failed = index, err
			}
		}
	})
	if err := context.Cause(ctx); err != nil {
		return Energies{}, fmt.Errorf("molecule: stopped: %w", err)
	}
	if failed != nil {
		return Energies{}, failed
	}
	return out, nil
}
