package target

import (
	"fmt"
	"math"
	"regexp"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/gomlx/gomlx/core/graph"
)

// Harmonic is N independent particles in D dimensions in a harmonic trap about their centre of mass:
//
//	u(x) = ½ K Σ_i |x_i − com|²
//
// A Gaussian with variance 1/K on the mean-free subspace: everything about it is known exactly. K = 0 stands for 1.
type Harmonic struct {
	N, D int
	K    float64
}

// KindHarmonic is the kind of Harmonic.
const KindHarmonic = "harmonic"

var traps = kind{
	name: KindHarmonic, patterns: []string{"harmonicNxD"}, examples: []string{"harmonic4x2"}, defaults: Harmonic{K: 1}.constants(),
	help:  map[string]string{"k": "strength of the trap"},
	build: func(s Spec, c map[string]float64) Target { return Harmonic{N: s.N, D: s.D, K: c["k"]} },
	parse: func(name string) Target {
		of := parts(harmonicName, name)
		if of == nil {
			return nil
		}
		return Harmonic{N: whole(of[0]), D: whole(of[1]), K: 1}
	},
}

var harmonicName = regexp.MustCompile(`^harmonic(\d{1,4})x(\d{1,2})$`)

func (t Harmonic) constants() map[string]float64 { return map[string]float64{"k": orOne(t.K)} }

func (t Harmonic) spec() Spec {
	return Spec{Kind: KindHarmonic, N: t.N, D: t.D, Constants: t.constants()}
}

// Sampling measures lengths in the width of the trap.
func (t Harmonic) Sampling() Sampling {
	width := 1.0
	if t.K > 0 {
		width = 1 / math.Sqrt(t.K)
	}
	return Sampling{
		Forces: true, Sigma: width, H: width, Chains: 4000, Burn: 500, Thin: 20, LowestBeta: 0.5, BetaRatio: 0.7, Spread: width, Start: width,
	}
}

// Name is "harmonicNxD" for K = 1 and "harmonic-NxD" for others.
func (t Harmonic) Name() string {
	if orOne(t.K) == 1 {
		return fmt.Sprintf("%s%dx%d", KindHarmonic, t.N, t.D)
	}
	return fmt.Sprintf("%s-%dx%d", KindHarmonic, t.N, t.D)
}

// Particles is n.
func (t Harmonic) Particles() int { return t.N }

// Dim is d.
func (t Harmonic) Dim() int { return t.D }

// Validate returns an error where the particles or the constant make no Boltzmann distribution.
func (t Harmonic) Validate() error {
	if err := validateSize(t.N, t.D); err != nil {
		return err
	}
	if err := validateFinite(t.Name(), t.K); err != nil {
		return err
	}
	if t.K < 0 {
		return fmt.Errorf("target: harmonic trap with k=%g does not bind; give k > 0", t.K)
	}
	return nil
}

// Energy returns u [batch] of x [batch, n, d].
func (t Harmonic) Energy(x *graph.Node) *graph.Node {
	return graph.MulScalar(graph.ReduceSum(graph.Square(particle.MeanFree(x)), -2, -1), 0.5*orOne(t.K))
}

// EnergyForces returns u of x [n*d] and, where forces is not nil, writes −∇u [n*d] into it.
func (t Harmonic) EnergyForces(x, forces []float64) float64 {
	return trapEnergyForces(x, forces, t.D, orOne(t.K))
}

// Reference returns the exact values: (n−1)·d Gaussian degrees of freedom.
func (t Harmonic) Reference() Reference {
	dof := float64(DegreesOfFreedom(t))
	logZ := dof / 2 * math.Log(2*math.Pi/orOne(t.K))
	return Reference{Known: true, LogZ: logZ, Entropy: logZ + dof/2, MeanEnergy: dof / 2}
}

// DegreesOfFreedom is (n−1)·d, the dimension of the mean-free subspace and the exact virial ⟨x·∇u⟩ of every target.
func DegreesOfFreedom(t Target) int { return (t.Particles() - 1) * t.Dim() }

// trapEnergyForces returns ½ k Σ|x_i − com|² and, where forces is not nil, overwrites it with −k (x_i − com).
func trapEnergyForces(x, forces []float64, d int, k float64) float64 {
	n := len(x) / d
	u := 0.0
	for axis := range d {
		mean := 0.0
		for i := range n {
			mean += x[i*d+axis]
		}
		mean /= float64(n)
		for i := range n {
			r := x[i*d+axis] - mean
			u += 0.5 * k * r * r
			if forces != nil {
				forces[i*d+axis] = -k * r
			}
		}
	}
	return u
}
