package target

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Convention is how often a sum over pairs counts each pair. The two conventions give different
// physics.
type Convention string

const (
	// Ordered sums over ordered pairs, so each pair counts twice. The published samples of LJ13 and
	// LJ55 use it.
	Ordered Convention = "ordered"
	// PairsOnce sums over i < j, so each pair counts once.
	PairsOnce Convention = "pairs"
)

// factor is how often a pair counts.
func (c Convention) factor() float64 {
	if c == PairsOnce {
		return 1
	}
	return 2
}

// LennardJones is a cluster of N particles in D dimensions, held together by a harmonic trap about
// its centre of mass:
//
//	u(x) = { f Σ_{i<j} ε [(rm/d_ij)¹² − 2 (rm/d_ij)⁶] + ½ K Σ_i |x_i − com|² } / kT
//
// f is 2 with the Ordered convention (the zero value) and 1 with PairsOnce. The minimum of a pair
// lies at rm and is f·ε deep. A zero Epsilon, Rm or KT means 1. K must be positive, because the
// cluster evaporates without the trap.
type LennardJones struct {
	N, D        int
	Epsilon, Rm float64
	K           float64
	KT          float64
	Convention  Convention
}

// LJ13 is the cluster of 13 particles in three dimensions, with the ordered convention.
func LJ13() LennardJones { return lennardJones(13) }

// LJ55 is the cluster of 55 particles in three dimensions, with the ordered convention.
func LJ55() LennardJones { return lennardJones(55) }

func lennardJones(n int) LennardJones {
	return LennardJones{N: n, D: 3, Epsilon: 1, Rm: 1, K: 1, KT: 1, Convention: Ordered}
}

// KindLennardJones is the kind of LennardJones.
const KindLennardJones = "lennard-jones"

var lennardJonesClusters = Kind{
	Name: KindLennardJones, Patterns: []string{"ljN", "ljN-pairs"}, Examples: []string{"lj13", "lj55", "lj13-pairs"},
	Defaults: LJ13().constants(), Conventions: true,
	Help: map[string]string{
		"epsilon": "depth of a pair's minimum", "rm": "distance of a pair's minimum", "k": "strength of the trap",
		"kt": "temperature",
	},
	Build: func(s Spec, c map[string]float64) Described {
		return LennardJones{
			N: s.N, D: s.D, Epsilon: c["epsilon"], Rm: c["rm"], K: c["k"], KT: c["kt"],
			Convention: cmp.Or(s.Convention, Ordered),
		}
	},
	Parse: func(name string) Described {
		match := groups(lennardJonesName, name)
		if match == nil {
			return nil
		}
		t := lennardJones(integer(match[0]))
		t.Convention = cmp.Or(Convention(match[1]), Ordered)
		return t
	},
}

var lennardJonesName = regexp.MustCompile(`^lj(\d{1,4})(?:-(pairs|ordered))?$`)

func (t LennardJones) constants() map[string]float64 {
	t = t.normalised()
	return map[string]float64{"epsilon": t.Epsilon, "rm": t.Rm, "k": t.K, "kt": t.KT}
}

// Spec is the cluster's description.
func (t LennardJones) Spec() Spec {
	return Spec{Kind: KindLennardJones, N: t.N, D: t.D, Constants: t.constants(), Convention: t.normalised().Convention}
}

// Sampling measures lengths in the distance of a pair's minimum.
func (t LennardJones) Sampling() Sampling { return clusterSampling(t.N, cmp.Or(t.Rm, 1)) }

// clusterSampling is the Sampling of n close-packed particles. Chains find the cluster from any
// start of about its size.
func clusterSampling(n int, rm float64) Sampling {
	return Sampling{
		Forces: true, Sigma: 0.05 * rm, H: 0.05 * rm, Chains: 1000, Burn: 10000, Thin: 500,
		LowestBeta: 0.5, BetaRatio: 0.85, Spread: 1,
		// A ball that holds the particles has about this width.
		Start: 0.4 * rm * math.Cbrt(float64(n)), Relaxed: true,
	}
}

// Name is "ljN" or "ljN-pairs" for unit constants in three dimensions and "lennard-jones-NxD"
// otherwise.
func (t LennardJones) Name() string {
	unit := lennardJones(t.N)
	if t.normalised() == unit {
		return fmt.Sprintf("lj%d", t.N)
	}
	unit.Convention = PairsOnce
	if t.normalised() == unit {
		return fmt.Sprintf("lj%d-pairs", t.N)
	}
	return fmt.Sprintf("%s-%dx%d", KindLennardJones, t.N, t.D)
}

// LengthUnit is the distance of a pair's minimum, r_m, if that is 1.
func (t LennardJones) LengthUnit() string {
	if t.normalised().Rm == 1 {
		return "r_{m}"
	}
	return ""
}

// Particles is n.
func (t LennardJones) Particles() int { return t.N }

// Dim is d.
func (t LennardJones) Dim() int { return t.D }

// Validate returns an error if the particles or constants make no Boltzmann distribution.
func (t LennardJones) Validate() error {
	if err := validateSize(t.N, t.D); err != nil {
		return err
	}
	if err := validateFinite(t.Name(), t.Epsilon, t.Rm, t.K, t.KT); err != nil {
		return err
	}
	if t.Epsilon < 0 || t.Rm < 0 || t.K <= 0 || t.KT < 0 {
		return fmt.Errorf(
			"target: Lennard-Jones with epsilon=%g, rm=%g, k=%g, kt=%g has no Boltzmann distribution; "+
				"give positive constants",
			t.Epsilon, t.Rm, t.K, t.KT)
	}
	if t.Convention != "" && t.Convention != Ordered && t.Convention != PairsOnce {
		return fmt.Errorf("target: unknown convention %q; give %q (each pair twice) or %q (each once)",
			t.Convention, Ordered, PairsOnce)
	}
	return nil
}

// Energy returns u [batch] of x [batch, n, d].
func (t LennardJones) Energy(x *graph.Node) *graph.Node {
	t = t.normalised()
	s := graph.MulScalar(graph.Reciprocal(particle.SquaredPairDistances(x)), t.Rm*t.Rm)
	s6 := graph.Mul(s, graph.Square(s))
	pairs := graph.ReduceSum(graph.Mul(s6, graph.AddScalar(s6, -2)), -1)
	trap := graph.ReduceSum(graph.Square(particle.MeanFree(x)), -2, -1)
	return graph.Add(
		graph.MulScalar(pairs, t.Convention.factor()*t.Epsilon/t.KT),
		graph.MulScalar(trap, 0.5*t.K/t.KT))
}

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it.
//
// Coincident particles have u = +Inf and no force on each other.
func (t LennardJones) EnergyForces(x, forces []float64) float64 {
	t = t.normalised()
	u := trapEnergyForces(x, forces, t.D, t.K/t.KT)
	depth := t.Convention.factor() * t.Epsilon / t.KT
	for i := range t.N {
		for j := i + 1; j < t.N; j++ {
			r2 := squaredDistance(x, t.D, i, j)
			s := t.Rm * t.Rm / r2
			s6 := s * s * s
			u += depth * s6 * (s6 - 2)
			if forces != nil && !math.IsInf(s6, 0) {
				addPairForce(forces, x, t.D, i, j, 12*depth*s6*(s6-1)/r2)
			}
		}
	}
	return u
}

// Reference returns the values of LJ13 in both conventions. None are known for other sizes or
// constants.
func (t LennardJones) Reference() Reference {
	switch t.Name() {
	case "lj13":
		return Reference{
			Known: true, LogZ: 59.874, LogZError: 0.004, Entropy: 16.9, EntropyError: 0.2, MeanEnergy: -42.8,
		}
	case "lj13-pairs":
		// The entropy is log Z + ⟨u⟩.
		return Reference{
			Known: true, LogZ: 39.250, LogZError: 0.001, Entropy: 39.78, EntropyError: 0.01, MeanEnergy: 0.53,
		}
	}
	return Reference{}
}

func (t LennardJones) normalised() LennardJones {
	t.Epsilon, t.Rm, t.KT = cmp.Or(t.Epsilon, 1), cmp.Or(t.Rm, 1), cmp.Or(t.KT, 1)
	t.Convention = cmp.Or(t.Convention, Ordered)
	return t
}
