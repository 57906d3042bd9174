package target

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Mixture is a Lennard-Jones cluster of two types of particles in D dimensions: the first NA
// particles are of type A, the other NB of type B. Each pair of types has its own depth and
// distance of the minimum:
//
//	u(x) = { f Σ_{i<j} ε_ij [(rm_ij/d_ij)¹² − 2 (rm_ij/d_ij)⁶] + ½ K Σ_i |x_i − com|² } / kT
//
// f and K are those of LennardJones. Relabelling is a symmetry only within a type. A zero constant
// means 1, and a zero constant of AB or BB means that of AA. K must be positive.
type Mixture struct {
	NA, NB, D                     int
	Epsilon, EpsilonAB, EpsilonBB float64
	Rm, RmAB, RmBB                float64
	K                             float64
	KT                            float64
	Convention                    Convention
}

// mixture is the system of a name: B is smaller than A by a fifth, and all pairs are equally deep.
func mixture(a, b int) Mixture {
	return Mixture{
		NA: a, NB: b, D: 3, Epsilon: 1, EpsilonAB: 1, EpsilonBB: 1, Rm: 1, RmAB: 0.9, RmBB: 0.8, K: 1, KT: 1,
		Convention: Ordered,
	}
}

// KindMixture is the kind of Mixture.
const KindMixture = "lennard-jones-mixture"

var mixtures = Kind{
	Name: KindMixture, Patterns: []string{"ljA+B", "ljA+B-pairs"}, Examples: []string{"lj8+5"},
	Defaults: mixture(8, 5).constants(), Types: 2, Conventions: true,
	Help: map[string]string{
		"epsilon":    "depth of the minimum of an AA pair",
		"epsilon_ab": "depth of the minimum of an AB pair",
		"epsilon_bb": "depth of the minimum of a BB pair",
		"rm":         "distance of the minimum of an AA pair",
		"rm_ab":      "distance of the minimum of an AB pair",
		"rm_bb":      "distance of the minimum of a BB pair",
		"k":          "strength of the trap",
		"kt":         "temperature",
	},
	Build: func(s Spec, c map[string]float64) Described {
		return Mixture{
			NA: s.Types[0], NB: s.Types[1], D: s.D,
			Epsilon: c["epsilon"], EpsilonAB: c["epsilon_ab"], EpsilonBB: c["epsilon_bb"],
			Rm: c["rm"], RmAB: c["rm_ab"], RmBB: c["rm_bb"], K: c["k"], KT: c["kt"],
			Convention: cmp.Or(s.Convention, Ordered),
		}
	},
	Parse: func(name string) Described {
		match := groups(mixtureName, name)
		if match == nil {
			return nil
		}
		t := mixture(integer(match[0]), integer(match[1]))
		t.Convention = cmp.Or(Convention(match[2]), Ordered)
		return t
	},
}

var mixtureName = regexp.MustCompile(`^lj(\d{1,4})\+(\d{1,4})(?:-(pairs|ordered))?$`)

func (t Mixture) constants() map[string]float64 {
	t = t.normalised()
	return map[string]float64{
		"epsilon": t.Epsilon, "epsilon_ab": t.EpsilonAB, "epsilon_bb": t.EpsilonBB,
		"rm": t.Rm, "rm_ab": t.RmAB, "rm_bb": t.RmBB, "k": t.K, "kt": t.KT,
	}
}

// Spec is the mixture's description.
func (t Mixture) Spec() Spec {
	return Spec{
		Kind: KindMixture, N: t.NA + t.NB, D: t.D, Types: []int{t.NA, t.NB}, Constants: t.constants(),
		Convention: t.normalised().Convention,
	}
}

// Sampling measures lengths in the distance of an AA pair's minimum.
func (t Mixture) Sampling() Sampling { return clusterSampling(t.NA+t.NB, cmp.Or(t.Rm, 1)) }

// Name is "ljA+B" or "ljA+B-pairs" for the constants of these names and
// "lennard-jones-mixture-A+BxD" otherwise.
func (t Mixture) Name() string {
	named := mixture(t.NA, t.NB)
	if t.normalised() == named {
		return fmt.Sprintf("lj%d+%d", t.NA, t.NB)
	}
	named.Convention = PairsOnce
	if t.normalised() == named {
		return fmt.Sprintf("lj%d+%d-pairs", t.NA, t.NB)
	}
	return fmt.Sprintf("%s-%d+%dx%d", KindMixture, t.NA, t.NB, t.D)
}

// Particles is n.
func (t Mixture) Particles() int { return t.NA + t.NB }

// Dim is d.
func (t Mixture) Dim() int { return t.D }

// Relabelling exchanges particles within a type.
func (t Mixture) Relabelling() particle.Relabelling {
	return particle.Relabelling{Types: slices.Concat(make([]int, t.NA), slices.Repeat([]int{1}, t.NB))}
}

// Validate returns an error if the particles or constants make no Boltzmann distribution.
func (t Mixture) Validate() error {
	if t.NA < 1 || t.NB < 1 {
		return fmt.Errorf("target: a mixture of %d and %d particles lacks a type; give at least one particle of each",
			t.NA, t.NB)
	}
	t = t.normalised()
	for _, pure := range []LennardJones{
		{t.NA + t.NB, t.D, t.Epsilon, t.Rm, t.K, t.KT, t.Convention},
		{2, t.D, t.EpsilonAB, t.RmAB, t.K, t.KT, t.Convention},
		{2, t.D, t.EpsilonBB, t.RmBB, t.K, t.KT, t.Convention},
	} {
		if err := pure.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// pair returns the depth, in kT, and the distance of the minimum of the pair i < j.
func (t Mixture) pair(i, j int) (depth, rm float64) {
	f := t.Convention.factor() / t.KT
	switch {
	case j < t.NA:
		return f * t.Epsilon, t.Rm
	case i < t.NA:
		return f * t.EpsilonAB, t.RmAB
	}
	return f * t.EpsilonBB, t.RmBB
}

// Energy returns u [batch] of x [batch, n, d].
func (t Mixture) Energy(x *graph.Node) *graph.Node {
	t = t.normalised()
	var depths, squares []float64
	for _, p := range particle.Pairs(t.Particles()) {
		depth, rm := t.pair(p[0], p[1])
		depths, squares = append(depths, depth), append(squares, rm*rm)
	}
	s := graph.Mul(graph.Reciprocal(particle.SquaredPairDistances(x)), graph.ExpandAxes(graph.ConstAs(x, squares), 0))
	s6 := graph.Mul(s, graph.Square(s))
	pairs := graph.Mul(graph.Mul(s6, graph.AddScalar(s6, -2)), graph.ExpandAxes(graph.ConstAs(x, depths), 0))
	trap := graph.ReduceSum(graph.Square(particle.MeanFree(x)), -2, -1)
	return graph.Add(graph.ReduceSum(pairs, -1), graph.MulScalar(trap, 0.5*t.K/t.KT))
}

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it. Coincident
// particles have u = +Inf and no force on each other.
func (t Mixture) EnergyForces(x, forces []float64) float64 {
	t = t.normalised()
	u := trapEnergyForces(x, forces, t.D, t.K/t.KT)
	for i := range t.Particles() {
		for j := i + 1; j < t.Particles(); j++ {
			depth, rm := t.pair(i, j)
			r2 := squaredDistance(x, t.D, i, j)
			s := rm * rm / r2
			s6 := s * s * s
			u += depth * s6 * (s6 - 2)
			if forces != nil && !math.IsInf(s6, 0) {
				addPairForce(forces, x, t.D, i, j, 12*depth*s6*(s6-1)/r2)
			}
		}
	}
	return u
}

// Reference is empty: no values are known.
func (t Mixture) Reference() Reference { return Reference{} }

func (t Mixture) normalised() Mixture {
	t.Epsilon, t.Rm, t.KT = cmp.Or(t.Epsilon, 1), cmp.Or(t.Rm, 1), cmp.Or(t.KT, 1)
	t.EpsilonAB, t.EpsilonBB = cmp.Or(t.EpsilonAB, t.Epsilon), cmp.Or(t.EpsilonBB, t.Epsilon)
	t.RmAB, t.RmBB = cmp.Or(t.RmAB, t.Rm), cmp.Or(t.RmBB, t.Rm)
	t.Convention = cmp.Or(t.Convention, Ordered)
	return t
}
