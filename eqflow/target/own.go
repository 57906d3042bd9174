package target

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Own is a user's own system, whose energy is a graph function. FromGraph makes one. Forces, and
// evaluation outside graphs, come from the gradient of that function, on GoMLX's Go backend in
// float64.
type Own struct {
	name        string
	n, d        int
	relabelling particle.Relabelling
	energy      func(x *graph.Node) *graph.Node // nil for a placeholder
	energies    *evaluator                      // u alone
	forces      *evaluator                      // u and −∇u
	probeEnergy float64                         // u of probe: it distinguishes two energies of one name
}

// KindOwn is the kind of a Spec that names a user's own system.
const KindOwn = "own"

// ownSystems are the systems that FromGraph has made in this process, by name. A file can name an
// energy but not contain it.
var ownSystems sync.Map

// FromGraph makes a system of n particles in d dimensions from its reduced energy u [batch] of x
// [batch, n, d], for example by particle.PairDistances. The energy must be invariant under
// translation, rotation, reflection and relabelling. FromGraph evaluates it on a configuration and
// moved copies, and returns an error that says what is wrong with it.
//
// A program that loads models or data of the system must make it first, under the same name. In a
// notebook, a declaration "var own = target.MustFromGraph(…)" does so, because every cell repeats
// it.
func FromGraph(name string, n, d int, energy func(x *graph.Node) *graph.Node) (*Own, error) {
	return FromGraphWith(name, particle.Relabelling{}, n, d, energy)
}

// FromGraphWith is FromGraph for particles that are not all alike: the energy must be invariant
// under the relabellings r.
func FromGraphWith(
	name string, r particle.Relabelling, n, d int, energy func(x *graph.Node) *graph.Node,
) (*Own, error) {
	if err := r.Validate(n); err != nil {
		return nil, err
	}
	if name == "" || energy == nil {
		return nil, errors.New("target: a system of one's own needs a name and an energy")
	}
	if err := validateSize(n, d); err != nil {
		return nil, err
	}
	t := &Own{name: name, n: n, d: d, relabelling: r, energy: energy}
	t.energies, t.forces = newEvaluator(t, false), newEvaluator(t, true)
	if err := t.checkEnergy(); err != nil {
		return nil, fmt.Errorf("target: the energy of %q %w", name, err)
	}
	ownSystems.Store(name, t)
	return t, nil
}

// MustFromGraph is FromGraph for notebooks, where an error ends the cell.
func MustFromGraph(name string, n, d int, energy func(x *graph.Node) *graph.Node) *Own {
	t, err := FromGraph(name, n, d, energy)
	if err != nil {
		panic(err)
	}
	return t
}

// Name is the name given to FromGraph.
func (t *Own) Name() string { return t.name }

// Particles is n.
func (t *Own) Particles() int { return t.n }

// Dim is d.
func (t *Own) Dim() int { return t.d }

// Relabelling is the one given to FromGraphWith.
func (t *Own) Relabelling() particle.Relabelling { return t.relabelling }

// Energy returns u [batch] of x [batch, n, d].
func (t *Own) Energy(x *graph.Node) *graph.Node { return t.energy(x) }

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it. Concurrent
// calls share one evaluation, which costs a hundredth of a call alone: see Concurrency. The energy
// of a placeholder is NaN.
func (t *Own) EnergyForces(x, forces []float64) float64 {
	if t.energy == nil {
		return math.NaN()
	}
	e := t.energies
	if forces != nil {
		e = t.forces
	}
	u, err := e.evaluate(x, forces)
	if err != nil { // checkEnergy has evaluated the energy before
		panic(fmt.Errorf("target: the energy of %q cannot be evaluated: %w", t.name, err))
	}
	return u
}

// Concurrency is how many goroutines should evaluate at once.
func (t *Own) Concurrency() int { return largestBlock }

// Reference is empty: no values are known.
func (t *Own) Reference() Reference { return Reference{} }

// Spec names the system, and identifies its energy by one value.
func (t *Own) Spec() Spec {
	return Spec{Kind: KindOwn, Own: t.name, N: t.n, D: t.d, Constants: map[string]float64{"probe": t.probeEnergy}}
}

// RegisterPlaceholder makes a user's own system known by name to a process that does not have its
// energy, so that the process can load models of the system and solve their flows. The
// placeholder's energy is NaN.
func RegisterPlaceholder(s Spec) error {
	if err := validateSize(s.N, s.D); err != nil || s.Kind != KindOwn {
		return errors.Join(fmt.Errorf("target: %+v is no system of a user's own", s), err)
	}
	ownSystems.Store(s.Own, &Own{name: s.Own, n: s.N, d: s.D, probeEnergy: s.Constants["probe"]})
	return nil
}

// ownFromSpec returns the system that a file names.
func ownFromSpec(s Spec) (Target, error) {
	found, ok := ownSystems.Load(s.Own)
	if !ok {
		return nil, fmt.Errorf("target: %q is a user's own system, and no file contains its energy; "+
			"make it by target.FromGraph(%q, %d, %d, …) first", s.Own, s.Own, s.N, s.D)
	}
	t := found.(*Own)
	probe, known := s.Constants["probe"]
	if t.n != s.N || t.d != s.D || known && math.Abs(probe-t.probeEnergy) > sameEnergy*max(1, math.Abs(probe)) {
		return nil, fmt.Errorf("target: %q is not the system of the file (%d particles in %d dimensions, another "+
			"energy or other constants); give the new system another name", s.Own, s.N, s.D)
	}
	return t, nil
}

// Tolerances relative to the energy. A probe from a file may come from another machine. Sums over
// pairs of moved copies agree to 1e-13 in float64.
const (
	sameEnergy = 1e-9
	symmetric  = 1e-8
)

// probe is a configuration without symmetry, with particles about 1.5 apart.
func (t *Own) probe() []float64 {
	rng := rand.New(rand.NewPCG(1910, 753))
	x := make([]float64, t.n*t.d)
	width := 1.5 * math.Pow(float64(t.n), 1/float64(t.d))
	for k := range x {
		x[k] = width * (rng.Float64() - 0.5)
	}
	particle.RemoveMean(x, t.d)
	return x
}

// checkEnergy evaluates the energy of the probe and of its moved copies, whose energy must be the
// same.
func (t *Own) checkEnergy() error {
	x := t.probe()
	forces := make([]float64, len(x))
	u, err := t.forces.evaluate(x, forces)
	if err != nil {
		return err
	}
	if !finite(append(forces, u)...) {
		return fmt.Errorf("or its slope is not finite (u = %g) for particles in general position; "+
			"look for roots and logarithms of numbers that can be negative or zero", u)
	}
	t.probeEnergy = u
	rng := rand.New(rand.NewPCG(1, 2))
	moved := map[string][]float64{
		"translation": shifted(x), "rotation or reflection": rotated(rng, x, t.d), "relabelling": t.relabelled(rng, x),
	}
	for symmetry, y := range moved {
		v, err := t.energies.evaluate(y, nil)
		if err != nil {
			return err
		}
		if gap := math.Abs(v - u); !(gap <= symmetric*max(1, math.Abs(u))) {
			return fmt.Errorf("changes under %s, from %g to %g: an equivariant flow cannot learn it; "+
				"write it in pair distances", symmetry, u, v)
		}
	}
	return nil
}

func shifted(x []float64) []float64 {
	out := make([]float64, len(x))
	for k, v := range x {
		out[k] = v + 0.7
	}
	return out
}

func rotated(rng *rand.Rand, x []float64, d int) []float64 {
	out := append([]float64(nil), x...)
	particle.Rotate(out, particle.RandomRotation(rng, d, true), d)
	return out
}

// relabelled is a copy of x with another order of the particles, or x itself if no relabelling
// changes it.
func (t *Own) relabelled(rng *rand.Rand, x []float64) []float64 {
	for range 20 {
		if y := particle.Relabel(x, t.d, t.relabelling.Random(rng, t.n)); !slices.Equal(x, y) {
			return y
		}
	}
	return x
}
