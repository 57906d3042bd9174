package target

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Own is a system of the user's own, whose energy is a function in a graph. Forces and evaluation outside graphs come with
// it, through GoMLX's backend in plain Go and in float64. Make one with FromGraph.
type Own struct {
	name     string
	n, d     int
	alike    particle.Relabelling
	energy   func(x *graph.Node) *graph.Node
	energies *evaluator // u alone
	forces   *evaluator // u and −∇u
	probed   float64    // u of probe: it tells one energy of a name from another
}

// KindOwn is the kind of a Spec that names a user's own system.
const KindOwn = "own"

// owned are the systems that FromGraph has made in this process, by name: files can name an energy but not hold it.
var owned sync.Map

// FromGraph makes a system of n particles in d dimensions out of its reduced energy u [batch] of x [batch, n, d], for
// example with particle.PairDistances. The energy must not change under translation, rotation, reflection and
// relabelling: it is tried on a configuration, and an error says what is wrong with it.
//
// Models and data of the system can be read from files by whoever has made it, under this name, before: in a notebook, by
// a declaration "var own = target.MustFromGraph(…)", which every cell repeats.
func FromGraph(name string, n, d int, energy func(x *graph.Node) *graph.Node) (*Own, error) {
	return FromGraphWith(name, particle.Relabelling{}, n, d, energy)
}

// FromGraphWith is FromGraph for particles that are not all alike: relabelled as r allows, the energy must not change.
func FromGraphWith(name string, r particle.Relabelling, n, d int, energy func(x *graph.Node) *graph.Node) (*Own, error) {
	if err := r.Validate(n); err != nil {
		return nil, err
	}
	if name == "" || energy == nil {
		return nil, errors.New("target: a system of one's own needs a name and an energy")
	}
	if err := validateSize(n, d); err != nil {
		return nil, err
	}
	t := &Own{name: name, n: n, d: d, alike: r, energy: energy}
	t.energies, t.forces = newEvaluator(t, false), newEvaluator(t, true)
	if err := t.try(); err != nil {
		return nil, fmt.Errorf("target: the energy of %q %w", name, err)
	}
	owned.Store(name, t)
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

// Name is the one that it was given.
func (t *Own) Name() string { return t.name }

// Particles is n.
func (t *Own) Particles() int { return t.n }

// Dim is d.
func (t *Own) Dim() int { return t.d }

// Relabelling is what it was given.
func (t *Own) Relabelling() particle.Relabelling { return t.alike }

// Energy returns u [batch] of x [batch, n, d].
func (t *Own) Energy(x *graph.Node) *graph.Node { return t.energy(x) }

// EnergyForces returns u of x [n*d] and, where forces is not nil, writes −∇u [n*d] into it. Concurrent calls are evaluated
// together, at a hundredth of the cost of each alone: see Concurrency.
func (t *Own) EnergyForces(x, forces []float64) float64 {
	if t.energy == nil { // a stand-in
		return math.NaN()
	}
	e := t.energies
	if forces != nil {
		e = t.forces
	}
	u, err := e.evaluate(x, forces)
	if err != nil {
		panic(fmt.Errorf("target: the energy of %q cannot be evaluated: %w", t.name, err)) // it could at first: see try
	}
	return u
}

// Concurrency is how many goroutines should evaluate at once.
func (t *Own) Concurrency() int { return largestBlock }

// Reference knows nothing of it.
func (t *Own) Reference() Reference { return Reference{} }

// spec names the system, and its energy by one value.
func (t *Own) spec() Spec {
	return Spec{Kind: KindOwn, Own: t.name, N: t.n, D: t.d, Constants: map[string]float64{"probe": t.probed}}
}

// StandIn makes a user's own system known by name to a process that has not its energy, so that models of it can be loaded and
// their flows solved there. Its energy is NaN.
func StandIn(s Spec) error {
	if err := validateSize(s.N, s.D); err != nil || s.Kind != KindOwn {
		return errors.Join(fmt.Errorf("target: %+v is no system of a user's own", s), err)
	}
	owned.Store(s.Own, &Own{name: s.Own, n: s.N, d: s.D, probed: s.Constants["probe"]})
	return nil
}

// ownFromSpec finds the system that a file names.
func ownFromSpec(s Spec) (Target, error) {
	found, ok := owned.Load(s.Own)
	if !ok {
		return nil, fmt.Errorf("target: %q is a system of somebody's own, whose energy files do not hold; make it by target.FromGraph(%q, %d, %d, …) first",
			s.Own, s.Own, s.N, s.D)
	}
	t := found.(*Own)
	was, known := s.Constants["probe"]
	if t.n != s.N || t.d != s.D || known && math.Abs(was-t.probed) > sameEnergy*max(1, math.Abs(was)) {
		return nil, fmt.Errorf("target: %q is not what it was when the file was written (%d particles in %d dimensions, another energy or other constants); "+
			"give the new one another name", s.Own, s.N, s.D)
	}
	return t, nil
}

// Tolerances relative to the energy: sameEnergy of a file's probe, from whatever machine; symmetric of moved copies, which
// a float64 sum over pairs keeps to 1e-13.
const (
	sameEnergy = 1e-9
	symmetric  = 1e-8
)

// probe is a configuration without symmetry, its particles about 1.5 apart.
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

// try evaluates the energy where nothing is special, and where it must be the same.
func (t *Own) try() error {
	x := t.probe()
	forces := make([]float64, len(x))
	u, err := t.forces.evaluate(x, forces)
	if err != nil {
		return err
	}
	if !finite(append(forces, u)...) {
		return fmt.Errorf("or its slope is not finite (u = %g) for particles in general position; look for roots and logarithms of what can be negative or zero", u)
	}
	t.probed = u
	rng := rand.New(rand.NewPCG(1, 2))
	moved := map[string][]float64{"translation": shifted(x), "rotation or reflection": rotated(rng, x, t.d), "relabelling": t.relabelled(rng, x)}
	for what, y := range moved {
		v, err := t.energies.evaluate(y, nil)
		if err != nil {
			return err
		}
		if gap := math.Abs(v - u); !(gap <= symmetric*max(1, math.Abs(u))) {
			return fmt.Errorf("changes under %s, from %g to %g: an equivariant flow cannot learn it; write it in pair distances", what, u, v)
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

// relabelled is a copy with another order of the particles, if there is one.
func (t *Own) relabelled(rng *rand.Rand, x []float64) []float64 {
	for range 20 {
		if y := particle.Relabel(x, t.d, t.alike.Random(rng, t.n)); !slices.Equal(x, y) {
			return y
		}
	}
	return x
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// Concurrency is how many goroutines should evaluate t at once: one for each core, or more where a target answers many
// together.
func Concurrency(t Target) int {
	if c, ok := t.(interface{ Concurrency() int }); ok {
		return c.Concurrency()
	}
	return runtime.GOMAXPROCS(0)
}
