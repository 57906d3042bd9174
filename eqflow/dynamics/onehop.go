package dynamics

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// OneHop is a field of one round of messages, whose exact divergence costs a few times its value, whatever the number of
// particles. It keeps every symmetry: rotation, reflection, translation, relabelling.
//
// With r_ij = x_i − x_j, d_ij its length, û_ij = r_ij/d_ij and R(d) Gaussian radial basis functions,
//
//	S_i = Σ_k R(d_ik)                                           how the neighbours are spread
//	M_i = Σ_k w(d_ik, t) û_ik^{⊗l},  l = 1, 2                   vector and tensor channels: they bring angles in
//	h_i = MLP(S_i, |M_i|², t)                                   a network on every particle
//	φ_ij = φ(R(d_ij), h_i, h_j, M_i·û_ij^{⊗l}, M_j·û_ij^{⊗l}, t)
//	v_i = Σ_{j≠i} r_ij φ_ij, less its mean
//
// w is linear in R, with a factor for every channel that depends on the time; φ and the network on the particles have two
// hidden layers of SiLU units, and the latter is told the time in every layer. So no network but φ runs on edges. Where particles
// are not all alike, R has factors of its own for every role of a pair, and h knows the particle's role.
//
// # The trace
//
// The mean's divergence vanishes, since nothing depends on where the whole system is. For the rest, in D dimensions,
//
//	div v = Σ_{i≠j} ∂/∂x_i · (r_ij φ_ij) = Σ_{i≠j} [ D φ_ij + r_ij·∂φ_ij/∂x_i ]
//
// so all that is needed of φ_ij is its derivative as x_i moves along r_ij. Call that δ. One hop of messages makes it a sum
// over the neighbours of i, which factors through small tensors of i, plus one edge's term for j. With δd_ij = r_ij·û_ij and
// the derivatives of û by x, (1 − û ûᵀ)/d,
//
//	δS_i = [Σ_k R'(d_ik) û_ik]·r_ij                             one [Centres, D] matrix a particle
//	δS_j = R'(d_ij) δd_ij                                       j sees x_i through one edge alone
//	û_ij^{⊗l}·δM_i = r_ij û_ij^{⊗l}·[Σ_k (w' − l w/d) û_ik^{⊗l+1}] + |û_ij|² d_ij û_ij^{⊗l−1}·[Σ_k (l w/d) û_ik^{⊗l−1}]
//	û_ij^{⊗l}·δM_j = (−1)^l |û_ij|^{2l} [w' δd_ij + l w ε/d²]
//
// where the brackets are tensors of one order more and one less on every particle. |M_i|² moves by 2 M_i·δM_i. One
// forward-mode pass through the networks, with D directions a particle and one an edge, gives δφ_ij. With d = √(r² + ε), as it
// is here, |û|² is 1 − ε/d² and δû_ij is û_ij ε/d² rather than zero; the formulas keep both. Hollow and non-backtracking
// networks are relatives (arXiv:2510.21542); the invariants are the lowest of the atomic cluster expansion (Drautz, 2019).
type OneHop struct {
	Centres     int     // radial basis functions, from 0 to MaxDistance, as wide as they lie apart; default 16
	MaxDistance float64 // length unit of the target; default 8
	// Core is the length below which the functions lie evenly; beyond, they lie ever wider: even in asinh(d/Core).
	// Default MaxDistance, which is nearly even all along.
	Core     float64
	Hidden   int // width of every layer; default 64
	Channels int // vector channels; default 16, negative for none
	Tensors  int // channels of second order; default 8, negative for none
	// Guard is the distance below which no pair of the target comes, for its core is too hard: pairs that are under way to
	// such an end are pushed apart (see guard). 0 for none.
	Guard float64
}

// WithDefaults fills the zero fields in.
func (o OneHop) WithDefaults() OneHop {
	o.Centres, o.MaxDistance, o.Hidden = orInt(o.Centres, 16), orFloat(o.MaxDistance, 8), orInt(o.Hidden, 64)
	o.Core = orFloat(o.Core, o.MaxDistance)
	o.Channels, o.Tensors = max(-1, orInt(o.Channels, 16)), max(-1, orInt(o.Tensors, 8))
	return o
}

// Validate returns an error that names the first setting out of range.
func (o OneHop) Validate() error {
	o = o.WithDefaults()
	switch {
	case o.Centres < 2 || o.Hidden < 1:
		return fmt.Errorf("dynamics: one-hop field has %d centres and layers of %d; give at least 2 and 1", o.Centres, o.Hidden)
	case !(o.MaxDistance > 0) || math.IsInf(o.MaxDistance, 0):
		return fmt.Errorf("dynamics: one-hop field's centres reach to %g; give the largest distance that matters", o.MaxDistance)
	case !(o.Guard >= 0) || math.IsInf(o.Guard, 0):
		return fmt.Errorf("dynamics: one-hop field guards pairs from coming closer than %g; give a length, 0 for none", o.Guard)
	case !(o.Core > 0) || math.IsInf(o.Core, 0):
		return fmt.Errorf("dynamics: one-hop field's core is %g; give the distance below which its centres are to lie evenly", o.Core)
	}
	return nil
}

// Widest implements Wide: the edges' features, with their one derivative.
func (o OneHop) Widest(n, _, _ int) int { return 2 * n * n * o.WithDefaults().Hidden }

// oneHopField is a bound OneHop. As in the EGNN, features have the batch last but one, positions have it innermost.
type oneHopField struct {
	parameters
	config OneHop
	system System
}

// timeFeatures is the number of what the networks see of the time.
const timeFeatures = 6

// channelNames are the parameters of the channels of orders 1 and 2.
var channelNames = []string{"vectors", "tensors"}

// Bind implements Config.
func (o OneHop) Bind(scope *model.Scope, g *Graph, system System) Field {
	o = o.WithDefaults()
	m, h := newMaker(scope, g, system, 0x6f6e65686f70), o.Hidden
	vectors, tensors := max(0, o.Channels), max(0, o.Tensors)
	for k, size := range []int{vectors, tensors} {
		if size > 0 {
			m.weights(channelNames[k], o.Centres, size, o.Centres, 2)
			m.weights(channelNames[k]+"_time", timeFeatures, size, timeFeatures, 0.3)
		}
	}
	known := o.Centres + vectors + tensors
	m.weights("heard", known, h, known, 1)
	m.weights("heard_time", timeFeatures, h, timeFeatures, 1)
	m.bias("heard_bias", h)
	m.weights("state", h, h, h, 1)
	m.weights("state_time", timeFeatures, h, timeFeatures, 1)
	m.bias("state_bias", h)
	seen := o.Centres + 2*(vectors+tensors)
	m.weights("edge", seen, h, seen, 2)
	m.weights("to", h, h, 2*h, 1)
	m.weights("to_time", timeFeatures, h, timeFeatures, 1)
	m.bias("to_bias", h)
	m.weights("from", h, h, 2*h, 1)
	m.weights("hidden", h, h, h, 1)
	m.bias("hidden_bias", h)
	m.weights("strength", h, 1, h, firstPull)
	m.weights("strength_time", timeFeatures, 1, timeFeatures, firstPull)
	m.bias("strength_bias", 1)
	o.bindRoles(m)
	return &oneHopField{parameters: m.made, config: o, system: system}
}

// With implements Looped.
func (f *oneHopField) With(nodes []*Node) Field {
	return &oneHopField{parameters: f.with(nodes), config: f.config, system: f.system}
}

// At implements Field.
func (f *oneHopField) At(t, x *Node) (v, div *Node) {
	n, batch := f.system.N, x.Shape().Dimensions[0]
	e := f.edgesAt(TransposeAllDims(x, 1, 2, 0), f.times(t))
	phi := f.strength(e)
	if f.config.Guard > 0 {
		phi = phi.add(e.moving(f.guard(e, t)))
	}
	pulled := sumNeighbours(Mul(e.offset, repeat(2, f.system.D)(phi.value, 0)))
	sum := sumAxis(0)(pulled, 0)
	v = Sub(pulled, repeat(0, n)(Mul(sum, scalar(sum, 1/float64(n))), 0))
	perEdge := Add(Mul(phi.value, scalar(phi.value, float64(f.system.D))), Squeeze(phi.along, 0))
	return TransposeAllDims(v, 2, 0, 1), sumRows(Reshape(Mul(perEdge, e.apart), n*n, batch))
}

// The guard acts on pairs that lie below their least end by more than guardSigmas of what is still to come, and within
// guardSoftness of its length softly; it closes the gap in no less time than guardTime.
const (
	guardSigmas   = 2
	guardSoftness = 0.03
	guardTime     = 0.04
)

// guard adds to φ_ij what brings a pair that is too close to the distance c = Guard at time 1,
//
//	[t c − 2√2 (1−t) − d_ij]₊ / (2 (1−t) d_ij)
//
// softly, as the probability flow does: on its straight way from the prior a pair that ends at c or further lies at
// t c + √2 (1−t) z or further with a normal z, and hardly ever so close. Training sees next to no such pairs, and networks
// would guess.
func (f *oneHopField) guard(e hop, t *Node) dual {
	c, d := f.config.Guard, e.distance
	on := func(x *Node) *Node { return BroadcastToShape(ExpandLeftToRank(x, d.Rank()), d.Shape()) }
	left := Sub(scalar(t, 1), t)
	least := Sub(Mul(t, scalar(t, c)), Mul(left, scalar(t, guardSigmas*math.Sqrt2)))
	rate := on(Div(scalar(t, 0.5), Add(left, scalar(t, guardTime))))
	soft := scalar(d, guardSoftness*c)
	gap := Div(Sub(on(least), d), soft)
	open := Max(gap, scalar(gap, 0))
	gapped := Mul(Add(open, Log1P(Exp(Neg(Abs(gap))))), soft) // softplus
	phi := Mul(rate, Div(gapped, d))
	slope := Neg(Add(Mul(rate, Div(Sigmoid(gap), d)), Div(phi, d)))
	return dual{phi, ExpandAxes(slope, 0)}
}

// times returns the features of the times t [batch]: [batch, timeFeatures].
func (f *oneHopField) times(t *Node) *Node {
	c, t2 := Cos(Mul(t, scalar(t, math.Pi))), Mul(t, t)
	features := []*Node{Sub(Add(t, t), scalar(t, 1)), Mul(c, c), Mul(t2, t2)}
	left := Sub(scalar(t, 1), t)
	for _, width := range []float64{0.2, 0.08, 0.035} {
		features = append(features, Exp(Mul(left, scalar(t, -1/width))))
	}
	return Stack(features, -1)
}

// strength returns φ_ij [n, n, batch] and δφ_ij.
func (f *oneHopField) strength(e hop) dual {
	channels := f.channelsAt(e)
	seen := []dual{e.moving(e.basis)}
	for _, c := range channels {
		seen = append(seen, c.angles(e))
	}
	in := side(seen).dense(f.nodes["edge"], nil).add(f.states(e, channels))
	hidden := biased(in.silu().dense(f.nodes["hidden"], nil), f.nodes["hidden_bias"])
	out := hidden.silu().dense(f.nodes["strength"], nil).linear(func(x *Node, _ int) *Node { return Squeeze(x, -1) })
	base := Add(Squeeze(DotProduct(e.times, f.nodes["strength_time"]), -1), f.nodes["strength_bias"])
	return out.add(fixed(BroadcastToShape(ExpandLeftToRank(base, 3), out.value.Shape())))
}

// biased adds a bias to every edge's values, by a matrix product for its gradient's sake.
func biased(a dual, bias *Node) dual {
	dims := a.value.Shape().Dimensions
	rows := a.value.Shape().Size() / dims[len(dims)-1]
	wide := Reshape(DotProduct(ones(a.value, rows, 1), Reshape(bias, 1, -1)), dims...)
	return dual{Add(a.value, wide), a.along}
}

// gate returns 1 + what the named weights make of the times [batch, out].
func (f *oneHopField) gate(name string, times *Node) *Node {
	row := DotProduct(times, f.nodes[name])
	return Add(row, scalar(row, 1))
}

// timed adds to particles' values [n, batch, out] what the named weights make of the times.
func (f *oneHopField) timed(name string, times *Node, a dual) dual {
	row := DotProduct(times, f.nodes[name])
	return dual{Add(a.value, BroadcastToShape(ExpandAxes(row, 0), a.value.Shape())), a.along}
}

// side puts duals side by side along the last axis.
func side(parts []dual) dual {
	var values, alongs []*Node
	for _, p := range parts {
		values, alongs = append(values, p.value), append(alongs, p.along)
	}
	return dual{Concatenate(values, -1), Concatenate(alongs, -1)}
}

// moving turns derivatives by d_ij into δ.
func (e hop) moving(a dual) dual {
	return dual{a.value, a.times(e.over(e.grows, a.value))}
}

// states returns h_i and h_j through their weights [n, n, batch, Hidden], with δ.
func (f *oneHopField) states(e hop, channels []channel) dual {
	slope := Squeeze(e.basis.along, 0)
	counts := dual{sumNeighbours(e.basis.value), e.moment(1, slope).stacked()}
	known, moves := []dual{counts}, []*Node{e.scaled(slope, e.grows)}
	for _, c := range channels {
		known, moves = append(known, c.norm()), append(moves, c.heard())
	}
	in := f.byParticle(side(known).dense(f.nodes["heard"], f.nodes["heard_bias"]))
	in = f.timed("heard_time", e.times, in)
	mid := in.silu().dense(f.nodes["state"], f.nodes["state_bias"])
	mid = f.timed("state_time", e.times, mid)
	state := mid.silu()
	own, theirs := state.dense(f.nodes["to"], f.nodes["to_bias"]), denseOn(state.value, f.nodes["from"])
	own = f.timed("to_time", e.times, own)

	dOwn := e.scaled(e.contract(unstacked(own.along)), e.distance) // r = û d
	dTheirs := denseOn(Concatenate(moves, -1), f.nodes["heard"])
	dTheirs = denseOn(Mul(dTheirs, reversed(spread(siluSlope(in.value)))), f.nodes["state"])
	dTheirs = denseOn(Mul(dTheirs, reversed(spread(siluSlope(mid.value)))), f.nodes["from"])
	value := Add(spread(own.value), reversed(spread(theirs)))
	return dual{value, ExpandAxes(Add(dOwn, dTheirs), 0)}
}
