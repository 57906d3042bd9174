package target

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// coincident is added to squared distances under a square root in graphs, because the root's slope
// is infinite at zero.
const coincident = 1e-12

// DoubleWell is a system of N particles in D dimensions. The energy of every pair is a double well
// in its distance:
//
//	u(x) = Σ_{i<j} [a (d_ij − d0) + b (d_ij − d0)² + c (d_ij − d0)⁴] / kT
//
// Each pair counts once. Lengths are in the unit of D0. KT = 0 means 1. (bgflow swaps the names a
// and c.)
type DoubleWell struct {
	N, D        int
	A, B, C, D0 float64
	KT          float64
}

// DW4 is the four-particle double well in the plane of arXiv:2006.02425, with the published
// constants.
func DW4() DoubleWell {
	return DoubleWell{N: 4, D: 2, A: 0, B: -4, C: 0.9, D0: 4, KT: 1}
}

// KindDoubleWell is the kind of DoubleWell.
const KindDoubleWell = "double-well"

var doubleWells = Kind{
	Name: KindDoubleWell, Patterns: []string{"dwN"}, Examples: []string{"dw4"}, Defaults: DW4().constants(),
	Help: map[string]string{
		"a": "linear term", "b": "quadratic term", "c": "quartic term",
		"d0": "distance of the barrier", "kt": "temperature",
	},
	Build: func(s Spec, c map[string]float64) Described {
		return DoubleWell{N: s.N, D: s.D, A: c["a"], B: c["b"], C: c["c"], D0: c["d0"], KT: c["kt"]}
	},
	Parse: func(name string) Described {
		size := groups(doubleWellName, name)
		if size == nil {
			return nil
		}
		t := DW4()
		t.N = integer(size[0])
		return t
	},
}

var doubleWellName = regexp.MustCompile(`^dw(\d{1,4})$`)

func (t DoubleWell) normalised() DoubleWell {
	t.KT = cmp.Or(t.KT, 1)
	return t
}

func (t DoubleWell) constants() map[string]float64 {
	return map[string]float64{"a": t.A, "b": t.B, "c": t.C, "d0": t.D0, "kt": cmp.Or(t.KT, 1)}
}

// Spec is the system's description.
func (t DoubleWell) Spec() Spec {
	return Spec{Kind: KindDoubleWell, N: t.N, D: t.D, Constants: t.constants()}
}

// Sampling measures lengths in the barrier's distance.
func (t DoubleWell) Sampling() Sampling {
	unit := math.Max(math.Abs(t.D0), 1) / 4
	return Sampling{
		Sigma: 0.35 * unit, H: 0.25 * unit, Chains: 4000, Burn: 6000, Thin: 500, LowestBeta: 0.2, BetaRatio: 0.67,
		Spread: 2.3 * unit, Start: 3 * unit,
	}
}

// Name is "dw4" for DW4's constants and "double-well-NxD" otherwise.
func (t DoubleWell) Name() string {
	if t.normalised() == DW4() {
		return "dw4"
	}
	return fmt.Sprintf("%s-%dx%d", KindDoubleWell, t.N, t.D)
}

// Particles is n.
func (t DoubleWell) Particles() int { return t.N }

// Dim is d.
func (t DoubleWell) Dim() int { return t.D }

// Cutoff is the distance of the barrier, D0: pairs beyond it are long.
func (t DoubleWell) Cutoff() float64 { return t.D0 }

// Validate returns an error if the particles or constants make no Boltzmann distribution.
func (t DoubleWell) Validate() error {
	if err := validateSize(t.N, t.D); err != nil {
		return err
	}
	if err := validateFinite(t.Name(), t.A, t.B, t.C, t.D0, t.KT); err != nil {
		return err
	}
	binds := t.C > 0 || t.C == 0 && (t.B > 0 || t.B == 0 && t.A > 0)
	if !binds || t.KT < 0 {
		return fmt.Errorf(
			"target: a double well with a=%g, b=%g, c=%g, kt=%g has no Boltzmann distribution; give c > 0 and kt > 0",
			t.A, t.B, t.C, t.KT)
	}
	return nil
}

// Energy returns u [batch] of x [batch, n, d].
func (t DoubleWell) Energy(x *graph.Node) *graph.Node {
	r := graph.AddScalar(particle.PairDistances(x, coincident), -t.D0)
	square := graph.Square(r)
	pairs := graph.Mul(square, graph.AddScalar(graph.MulScalar(square, t.C), t.B))
	if t.A != 0 {
		pairs = graph.Add(pairs, graph.MulScalar(r, t.A))
	}
	return graph.MulScalar(graph.ReduceSum(pairs, -1), 1/cmp.Or(t.KT, 1))
}

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it.
func (t DoubleWell) EnergyForces(x, forces []float64) float64 {
	clear(forces)
	beta, u := 1/cmp.Or(t.KT, 1), 0.0
	for i := range t.N {
		for j := i + 1; j < t.N; j++ {
			d := particle.Distance(x, t.D, i, j)
			r := d - t.D0
			u += r * (t.A + r*(t.B+r*r*t.C))
			if forces != nil && d > 0 {
				slope := t.A + r*(2*t.B+4*t.C*r*r)
				addPairForce(forces, x, t.D, i, j, -slope*beta/d)
			}
		}
	}
	return u * beta
}

// Reference returns DW4's values: log Z and entropy by thermodynamic integration, ⟨u⟩ from
// independent chains.
func (t DoubleWell) Reference() Reference {
	if t.normalised() != DW4() {
		return Reference{}
	}
	return Reference{
		Known: true, LogZ: 29.667, LogZError: 0.001, Entropy: 7.127, EntropyError: 0.001, MeanEnergy: -22.540,
	}
}
