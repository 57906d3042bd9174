package target

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Harmonic is N independent particles in D dimensions in a harmonic trap about their centre of
// mass:
//
//	u(x) = ½ K Σ_i |x_i − com|²
//
// It is a Gaussian with variance 1/K on the mean-free subspace, so all its values are known
// exactly. K = 0 means 1.
type Harmonic struct {
	N, D int
	K    float64
}

// KindHarmonic is the kind of Harmonic.
const KindHarmonic = "harmonic"

var traps = Kind{
	Name: KindHarmonic, Patterns: []string{"harmonicNxD"}, Examples: []string{"harmonic4x2"},
	Defaults: Harmonic{}.constants(),
	Help:     map[string]string{"k": "strength of the trap"},
	Build: func(s Spec, constants map[string]float64) Described {
		return Harmonic{N: s.N, D: s.D, K: constants["k"]}
	},
	Parse: func(name string) Described {
		size := groups(harmonicName, name)
		if size == nil {
			return nil
		}
		return Harmonic{N: integer(size[0]), D: integer(size[1]), K: 1}
	},
}

var harmonicName = regexp.MustCompile(`^harmonic(\d{1,4})x(\d{1,2})$`)

func (t Harmonic) strength() float64 { return cmp.Or(t.K, 1) }

func (t Harmonic) constants() map[string]float64 { return map[string]float64{"k": t.strength()} }

// Spec is the trap's description.
func (t Harmonic) Spec() Spec {
	return Spec{Kind: KindHarmonic, N: t.N, D: t.D, Constants: t.constants()}
}

// Sampling measures lengths in the width of the trap.
func (t Harmonic) Sampling() Sampling {
	width := 1.0
	if t.K > 0 {
		width = 1 / math.Sqrt(t.K)
	}
	return Sampling{
		Forces: true, Sigma: width, H: width, Chains: 4000, Burn: 500, Thin: 20, LowestBeta: 0.5, BetaRatio: 0.7,
		Spread: width, Start: width,
	}
}

// Name is "harmonicNxD" for K = 1 and "harmonic-NxD" otherwise.
func (t Harmonic) Name() string {
	if t.strength() == 1 {
		return fmt.Sprintf("%s%dx%d", KindHarmonic, t.N, t.D)
	}
	return fmt.Sprintf("%s-%dx%d", KindHarmonic, t.N, t.D)
}

// Particles is n.
func (t Harmonic) Particles() int { return t.N }

// Dim is d.
func (t Harmonic) Dim() int { return t.D }

// Validate returns an error if the particles or the constant make no Boltzmann distribution.
func (t Harmonic) Validate() error {
	if err := validateSize(t.N, t.D); err != nil {
		return err
	}
	if err := validateFinite(t.Name(), t.K); err != nil {
		return err
	}
	if t.K < 0 {
		return fmt.Errorf("target: a harmonic trap with k=%g does not bind; give k > 0", t.K)
	}
	return nil
}

// Energy returns u [batch] of x [batch, n, d].
func (t Harmonic) Energy(x *graph.Node) *graph.Node {
	return graph.MulScalar(graph.ReduceSum(graph.Square(particle.MeanFree(x)), -2, -1), 0.5*t.strength())
}

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it.
func (t Harmonic) EnergyForces(x, forces []float64) float64 {
	return trapEnergyForces(x, forces, t.D, t.strength())
}

// Reference returns the exact values of (n−1)·d Gaussian degrees of freedom.
func (t Harmonic) Reference() Reference {
	dof := float64(DegreesOfFreedom(t))
	logZ := dof / 2 * math.Log(2*math.Pi/t.strength())
	return Reference{Known: true, LogZ: logZ, Entropy: logZ + dof/2, MeanEnergy: dof / 2}
}
