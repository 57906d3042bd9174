package target

import (
	"cmp"
	"fmt"
	"math"
	"regexp"

	"github.com/gomlx/gomlx/core/graph"
	"gonum.org/v1/gonum/integrate/quad"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Chain is a short polymer of N equal beads in D dimensions, each bound to the next. Its energy has
// springs, bending, torsion, and Lennard-Jones pairs of beads that are at least four bonds apart:
//
//	u(x) = { Σ_bonds ½ Kb (b − B0)² + Σ_angles ½ Ka (cos θ − cos θ0)²
//	       + Σ_dihedrals [V1 (1 + cos φ) + V2 (1 − cos 2φ) + V3 (1 + cos 3φ)]/2
//	       + Σ_{j−i≥4} ε [(rm/d_ij)¹² − 2 (rm/d_ij)⁶] } / kT
//
// φ = 180° is the stretched (trans) form, as in OPLS (Jorgensen, Madura and Swenson, J. Am. Chem.
// Soc. 106, 1984). Reversing the order of the beads is a symmetry, and no other relabelling is.
// Reflection is a symmetry.
//
// KT = 0 means 1.
type Chain struct {
	N, D       int
	Kb, B0     float64 // springs; B0 in the unit of length
	Ka, Theta0 float64 // bending; Theta0 in degrees
	V1, V2, V3 float64 // torsion
	Epsilon    float64 // 0: no pairs
	Rm         float64
	KT         float64
}

// chain is the system of a name. It resembles a small alkane at room temperature: gauche lies 1.5
// kT above trans, behind a barrier of 4.5 kT. Two gauche turns of opposite sense bring beads close,
// which costs energy. The lengths are chosen so that the beads spread as widely as DW4's particles.
func chain(n int) Chain {
	return Chain{N: n, D: 3, Kb: 50, B0: 2, Ka: 40, Theta0: 110, V1: 2, V3: 4, Epsilon: 0.5, Rm: 4.5, KT: 1}
}

// KindChain is the kind of Chain.
const KindChain = "chain"

var chains = Kind{
	Name: KindChain, Patterns: []string{"chainN"}, Examples: []string{"chain4", "chain5"},
	Defaults: chain(5).constants(),
	Help: map[string]string{
		"kb": "stiffness of bonds", "b0": "length of bonds",
		"ka": "stiffness of angles' cosines", "theta0": "angle between bonds, in degrees",
		"v1": "torsion, one well", "v2": "torsion, two wells", "v3": "torsion, three wells",
		"epsilon": "depth of the minimum of pairs four bonds apart",
		"rm":      "distance of the minimum of pairs four bonds apart",
		"kt":      "temperature",
	},
	Build: func(s Spec, c map[string]float64) Described {
		return Chain{
			N: s.N, D: s.D, Kb: c["kb"], B0: c["b0"], Ka: c["ka"], Theta0: c["theta0"],
			V1: c["v1"], V2: c["v2"], V3: c["v3"], Epsilon: c["epsilon"], Rm: c["rm"], KT: c["kt"],
		}
	},
	Parse: func(name string) Described {
		size := groups(chainName, name)
		if size == nil {
			return nil
		}
		return chain(integer(size[0]))
	},
}

var chainName = regexp.MustCompile(`^chain(\d{1,4})$`)

func (t Chain) constants() map[string]float64 {
	return map[string]float64{
		"kb": t.Kb, "b0": t.B0, "ka": t.Ka, "theta0": t.Theta0, "v1": t.V1, "v2": t.V2, "v3": t.V3,
		"epsilon": t.Epsilon, "rm": t.Rm, "kt": t.kt(),
	}
}

// Spec is the chain's description.
func (t Chain) Spec() Spec { return Spec{Kind: KindChain, N: t.N, D: t.D, Constants: t.constants()} }

// Sampling uses tempering, which crosses the barriers of torsion. Step lengths follow the width of
// the springs.
func (t Chain) Sampling() Sampling {
	width, radius := math.Sqrt(t.kt()/math.Max(t.Kb, 1e-9)), t.B0*math.Cbrt(float64(t.N))/2
	return Sampling{
		Forces: true, Sigma: 0.5 * width, H: width, Chains: 1600, Burn: 8000, Thin: 200,
		LowestBeta: 0.25, BetaRatio: 0.6, Tempered: true, Spread: radius, Start: radius, Relaxed: true,
	}
}

// Name is "chainN" for the constants of these names and "chain-NxD" otherwise.
func (t Chain) Name() string {
	named := t
	named.KT = t.kt()
	if named == chain(t.N) {
		return fmt.Sprintf("%s%d", KindChain, t.N)
	}
	return fmt.Sprintf("%s-%dx%d", KindChain, t.N, t.D)
}

// Particles is n.
func (t Chain) Particles() int { return t.N }

// Dim is d.
func (t Chain) Dim() int { return t.D }

// Relabelling reverses the order of the beads.
func (t Chain) Relabelling() particle.Relabelling { return particle.Relabelling{Chain: true} }

// Validate returns an error if the beads or constants make no Boltzmann distribution.
func (t Chain) Validate() error {
	if err := validateSize(t.N, t.D); err != nil {
		return err
	}
	err := validateFinite(t.Name(), t.Kb, t.B0, t.Ka, t.Theta0, t.V1, t.V2, t.V3, t.Epsilon, t.Rm, t.KT)
	if err != nil {
		return err
	}
	if !(t.Kb > 0) || !(t.B0 > 0) || t.Ka < 0 || t.Epsilon < 0 || t.Rm < 0 || t.KT < 0 {
		return fmt.Errorf("target: a chain with kb=%g, b0=%g, ka=%g, epsilon=%g, rm=%g, kt=%g has no Boltzmann "+
			"distribution; give kb, b0, kt > 0 and the others >= 0",
			t.Kb, t.B0, t.Ka, t.Epsilon, t.Rm, t.KT)
	}
	return nil
}

// separation is the least number of bonds between the beads of a pair.
const separation = 4

// areaFloor is added to the squared areas (length⁴, in units of B0⁴) that consecutive bonds
// span, because the dihedral of beads in a line is undefined.
const areaFloor = 1e-6

func (t Chain) kt() float64 { return cmp.Or(t.KT, 1) }

func (t Chain) cosTheta0() float64 { return math.Cos(t.Theta0 * math.Pi / 180) }

// bond, bend, twist and pair return a term of kT·u and its slope: with respect to the length, cos
// θ, cos φ, and ln d².
func (t Chain) bond(length float64) (u, slope float64) {
	return t.Kb / 2 * (length - t.B0) * (length - t.B0), t.Kb * (length - t.B0)
}

func (t Chain) bend(cosine float64) (u, slope float64) {
	miss := cosine - t.cosTheta0()
	return t.Ka / 2 * miss * miss, t.Ka * miss
}

// twist uses cos 2φ = 2c² − 1 and cos 3φ = 4c³ − 3c.
func (t Chain) twist(c float64) (u, slope float64) {
	return (t.V1*(1+c) + t.V2*(2-2*c*c) + t.V3*(1+c*(4*c*c-3))) / 2, (t.V1 - 4*t.V2*c + t.V3*(12*c*c-3)) / 2
}

func (t Chain) pair(r2 float64) (u, slope float64) {
	s := t.Rm * t.Rm / r2
	s6 := s * s * s
	return t.Epsilon * s6 * (s6 - 2), -6 * t.Epsilon * s6 * (s6 - 1)
}

// EnergyForces returns u of x [n*d] and, if forces is not nil, writes −∇u [n*d] into it. Every
// term but the pairs is a function of scalar products of bonds.
func (t Chain) EnergyForces(x, forces []float64) float64 {
	clear(forces)
	f := chainForces{x, forces, t.D, 1 / t.kt()}
	u := 0.0
	for k := range t.N - 1 {
		u += f.bond(t, k)
		if k > 0 {
			u += f.bend(t, k-1)
		}
		if k > 1 {
			u += f.twist(t, k-2)
		}
	}
	if t.Epsilon == 0 {
		return u * f.beta
	}
	for i := range t.N {
		for j := i + separation; j < t.N; j++ {
			r2 := squaredDistance(x, t.D, i, j)
			v, slope := t.pair(r2)
			u += v
			if forces != nil && !math.IsInf(v, 0) {
				addPairForce(forces, x, t.D, i, j, -2*slope*f.beta/r2)
			}
		}
	}
	return u * f.beta
}

// chainForces adds up the forces of terms that are functions of scalar products of bonds. Bond k
// leads from bead k to bead k+1.
type chainForces struct {
	x, forces []float64
	d         int
	beta      float64
}

func (f chainForces) bond(t Chain, k int) float64 {
	length := math.Sqrt(f.dot(k, k))
	u, slope := t.bond(length)
	if length > 0 {
		f.add(k, k, slope/(2*length))
	}
	return u
}

// bend is the term of the angle between bonds k and k+1: cos θ = −b·b'/(|b||b'|).
func (f chainForces) bend(t Chain, k int) float64 {
	aa, bb, ab := f.dot(k, k), f.dot(k+1, k+1), f.dot(k, k+1)
	norm := math.Sqrt(aa * bb)
	if norm == 0 {
		u, _ := t.bend(0)
		return u
	}
	c := -ab / norm
	u, slope := t.bend(c)
	f.add(k, k+1, -slope/norm)
	f.add(k, k, -slope*c/(2*aa))
	f.add(k+1, k+1, -slope*c/(2*bb))
	return u
}

// twist is the term of the dihedral of bonds k, k+1 and k+2: cos φ = (ab·bc − ac·bb)/√(P Q),
// with P = aa·bb − ab² and Q = bb·cc − bc².
func (f chainForces) twist(t Chain, k int) float64 {
	aa, bb, cc := f.dot(k, k), f.dot(k+1, k+1), f.dot(k+2, k+2)
	ab, bc, ac := f.dot(k, k+1), f.dot(k+1, k+2), f.dot(k, k+2)
	soft := areaFloor * t.B0 * t.B0 * t.B0 * t.B0
	p, q := aa*bb-ab*ab+soft, bb*cc-bc*bc+soft
	norm := math.Sqrt(p * q)
	c := (ab*bc - ac*bb) / norm
	u, slope := t.twist(c)
	f.add(k, k+2, -slope*bb/norm)
	f.add(k, k+1, slope*(bc/norm+c*ab/p))
	f.add(k+1, k+2, slope*(ab/norm+c*bc/q))
	f.add(k, k, -slope*c*bb/(2*p))
	f.add(k+2, k+2, -slope*c*bb/(2*q))
	f.add(k+1, k+1, -slope*(ac/norm+c*aa/(2*p)+c*cc/(2*q)))
	return u
}

// dot is the scalar product of bonds k and l.
func (f chainForces) dot(k, l int) float64 {
	sum := 0.0
	for c := range f.d {
		sum += (f.x[(k+1)*f.d+c] - f.x[k*f.d+c]) * (f.x[(l+1)*f.d+c] - f.x[l*f.d+c])
	}
	return sum
}

// add adds the force that follows from the derivative of the energy with respect to the scalar
// product of bonds k and l.
func (f chainForces) add(k, l int, derivative float64) {
	if f.forces == nil {
		return
	}
	s := derivative * f.beta
	for c := range f.d {
		bk, bl := f.x[(k+1)*f.d+c]-f.x[k*f.d+c], f.x[(l+1)*f.d+c]-f.x[l*f.d+c]
		f.forces[(k+1)*f.d+c] -= s * bl
		f.forces[k*f.d+c] += s * bl
		f.forces[(l+1)*f.d+c] -= s * bk
		f.forces[l*f.d+c] += s * bk
	}
}

// Energy returns u [batch] of x [batch, n, d].
func (t Chain) Energy(x *graph.Node) *graph.Node {
	along := graph.Sub(graph.SliceAxis(x, 1, graph.AxisRange(1, t.N)), graph.SliceAxis(x, 1, graph.AxisRange(0, t.N-1)))
	// dot returns the products [batch, count] of bonds k and k+apart, for count values of k from
	// first on.
	dot := func(first, apart, count int) *graph.Node {
		a := graph.SliceAxis(along, 1, graph.AxisRange(first, first+count))
		b := graph.SliceAxis(along, 1, graph.AxisRange(first+apart, first+apart+count))
		return graph.ReduceSum(graph.Mul(a, b), -1)
	}
	miss := graph.AddScalar(graph.Sqrt(graph.AddScalar(dot(0, 0, t.N-1), coincident)), -t.B0)
	u := graph.MulScalar(graph.ReduceSum(graph.Square(miss), -1), t.Kb/2)
	if bends := t.N - 2; bends > 0 {
		norm := graph.Sqrt(graph.AddScalar(graph.Mul(dot(0, 0, bends), dot(1, 0, bends)), coincident))
		miss := graph.AddScalar(graph.Neg(graph.Div(dot(0, 1, bends), norm)), -t.cosTheta0())
		u = graph.Add(u, graph.MulScalar(graph.ReduceSum(graph.Square(miss), -1), t.Ka/2))
	}
	if twists := t.N - 3; twists > 0 {
		u = graph.Add(u, graph.ReduceSum(t.twists(dot, twists), -1))
	}
	if t.Epsilon > 0 && t.N > separation {
		u = graph.Add(u, t.pairs(x))
	}
	return graph.MulScalar(u, 1/t.kt())
}

// twists returns the energy [batch, count] of each dihedral.
func (t Chain) twists(dot func(first, apart, count int) *graph.Node, count int) *graph.Node {
	aa, bb, cc := dot(0, 0, count), dot(1, 0, count), dot(2, 0, count)
	ab, bc, ac := dot(0, 1, count), dot(1, 1, count), dot(0, 2, count)
	soft := areaFloor * t.B0 * t.B0 * t.B0 * t.B0
	p := graph.AddScalar(graph.Sub(graph.Mul(aa, bb), graph.Square(ab)), soft)
	q := graph.AddScalar(graph.Sub(graph.Mul(bb, cc), graph.Square(bc)), soft)
	c := graph.Div(graph.Sub(graph.Mul(ab, bc), graph.Mul(ac, bb)), graph.Mul(graph.Sqrt(p), graph.Sqrt(q)))
	square := graph.Square(c)
	u := graph.MulScalar(graph.OnePlus(c), t.V1/2)
	u = graph.Add(u, graph.MulScalar(graph.OneMinus(square), t.V2))
	cubic := graph.OnePlus(graph.Mul(c, graph.AddScalar(graph.MulScalar(square, 4), -3)))
	return graph.Add(u, graph.MulScalar(cubic, t.V3/2))
}

// pairs returns the energy [batch] of all pairs that are at least four bonds apart.
func (t Chain) pairs(x *graph.Node) *graph.Node {
	all := particle.Pairs(t.N)
	counts := make([]float64, len(all))
	for k, p := range all {
		if p[1]-p[0] >= separation {
			counts[k] = t.Epsilon
		}
	}
	weights := graph.ExpandAxes(graph.ConstAs(x, counts), 0)
	s := graph.MulScalar(graph.Reciprocal(particle.SquaredPairDistances(x)), t.Rm*t.Rm)
	s6 := graph.Mul(s, graph.Square(s))
	return graph.ReduceSum(graph.Mul(graph.Mul(s6, graph.AddScalar(s6, -2)), weights), -1)
}

// Reference is exact in three dimensions if the chain has no pairs, because the other terms are
// functions of independent coordinates. With 4π for the direction of the first bond, 2π for that
// of the second, and n^{−3/2} for the mean-free measure,
//
//	Z = n^{−3/2} 4π 2π (∫ b² e^{−u_b} db)^{n−1} (∫ e^{−u_θ} dcos θ)^{n−2} (∫ e^{−u_φ} dφ)^{n−3}
//
// The values of chain5 come from six million independent draws of the chain without pairs,
// reweighted.
func (t Chain) Reference() Reference {
	if t.Name() == "chain5" {
		return Reference{
			Known: true, LogZ: 0.5836, LogZError: 0.0001, Entropy: 6.092, EntropyError: 0.001, MeanEnergy: 5.509,
		}
	}
	if t.D != 3 || t.N < 3 || t.N > separation && t.Epsilon > 0 {
		return Reference{}
	}
	r := t.ideal()
	return Reference{Known: true, LogZ: r.LogZ, Entropy: r.LogZ + r.MeanEnergy, MeanEnergy: r.MeanEnergy}
}

// ideal returns log Z and the mean energy of the chain without pairs, by quadrature over each
// coordinate.
func (t Chain) ideal() Reference {
	n, beta := float64(t.N), 1/t.kt()
	var logZ, mean float64
	integrate := func(times, lo, hi float64, measure func(s float64) float64, term func(s float64) (u, slope float64)) {
		weight := func(s, u float64) float64 { return measure(s) * math.Exp(-beta*u) }
		energy := func(s, u float64) float64 { return measure(s) * beta * u * math.Exp(-beta*u) }
		over := func(f func(s, u float64) float64) float64 {
			return quad.Fixed(func(s float64) float64 { u, _ := term(s); return f(s, u) }, lo, hi, 400, nil, 0)
		}
		z := over(weight)
		logZ, mean = logZ+times*math.Log(z), mean+times*over(energy)/z
	}
	flat := func(float64) float64 { return 1 }
	reach := 12 / math.Sqrt(beta*t.Kb)
	integrate(n-1, math.Max(0, t.B0-reach), t.B0+reach, func(b float64) float64 { return b * b }, t.bond)
	integrate(n-2, -1, 1, flat, t.bend)
	integrate(n-3, -math.Pi, math.Pi, flat, func(phi float64) (u, slope float64) { return t.twist(math.Cos(phi)) })
	return Reference{LogZ: logZ + math.Log(8*math.Pi*math.Pi) - 1.5*math.Log(n), MeanEnergy: mean}
}
