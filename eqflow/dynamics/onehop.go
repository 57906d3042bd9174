package dynamics

import (
	"cmp"
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// OneHop is a field of one round of messages. Its exact divergence costs a few times its value,
// whatever the number of particles. It has every symmetry: rotation, reflection, translation and
// relabelling.
//
// With r_ij = x_i − x_j, d_ij its length, û_ij = r_ij/d_ij and R(d) Gaussian radial basis
// functions,
//
//	S_i = Σ_k R(d_ik)                            the distances of the neighbours
//	M_i = Σ_k w(d_ik, t) û_ik^{⊗l},  l = 1, 2    vector and tensor channels, which depend on angles
//	h_i = MLP(S_i, |M_i|², t)                    a network on every particle
//	φ_ij = φ(R(d_ij), h_i, h_j, M_i·û_ij^{⊗l}, M_j·û_ij^{⊗l}, t)
//	v_i = Σ_{j≠i} r_ij φ_ij, less its mean
//
// w is linear in R, and every channel has a factor that depends on the time. φ and the network on
// the particles have two hidden layers of SiLU units; the latter has the time as an input of every
// layer. φ is the only network on edges. Where particles are not all alike, R has factors of its
// own for every role of a pair, and h depends on the particle's role.
//
// # The trace
//
// The mean of Σ_j r_ij φ_ij has no divergence, since nothing depends on the position of the whole
// system. For the rest, in D dimensions,
//
//	div v = Σ_{i≠j} ∂/∂x_i · (r_ij φ_ij) = Σ_{i≠j} [ D φ_ij + r_ij·∂φ_ij/∂x_i ]
//
// So φ_ij is needed with one derivative only, written δ: as x_i moves along r_ij. With one hop of
// messages, δ is a sum over the neighbours of i, which factors through small tensors on i, plus the
// term of a single edge for j. With δd_ij = r_ij·û_ij and the derivative of û by x, (1 − û ûᵀ)/d,
//
//	δS_i = [Σ_k R'(d_ik) û_ik]·r_ij              one [Centres, D] matrix per particle
//	δS_j = R'(d_ij) δd_ij                        j depends on x_i through one edge
//	û_ij^{⊗l}·δM_i = r_ij û_ij^{⊗l}·[Σ_k (w' − l w/d) û_ik^{⊗l+1}]
//	                 + |û_ij|² d_ij û_ij^{⊗l−1}·[Σ_k (l w/d) û_ik^{⊗l−1}]
//	û_ij^{⊗l}·δM_j = (−1)^l |û_ij|^{2l} [w' δd_ij + l w ε/d²]
//
// where the brackets are tensors on every particle, of the next higher and the next lower order.
// δ|M_i|² is 2 M_i·δM_i. One forward-mode pass through the networks, with D directions per particle
// and one per edge, gives δφ_ij. The distance here is d = √(r² + ε), so |û|² is 1 − ε/d², and δû_ij
// is û_ij ε/d² rather than zero; the formulas keep both. Hollow and non-backtracking networks are
// related (arXiv:2510.21542). The invariants are the lowest of the atomic cluster expansion
// (Drautz, 2019).
type OneHop struct {
	Centres     int     // radial basis functions, from 0 to MaxDistance, as wide as their spacing; default 16
	MaxDistance float64 // length unit of the target; default 8
	// Core is the length below which the basis functions are evenly spaced. Beyond it their spacing
	// grows: they are even in asinh(d/Core). The default is MaxDistance, nearly even spacing
	// throughout.
	Core     float64
	Hidden   int // width of every layer; default 64
	Channels int // vector channels; default 16, negative for none
	Tensors  int // channels of second order; default 8, negative for none
	// Guard is a distance below which no pair of the target comes, because its core is too hard.
	// The field pushes apart those pairs that are on the way to a smaller distance (see guard). 0
	// for none.
	Guard float64
}

// WithDefaults fills the zero fields in.
func (o OneHop) WithDefaults() OneHop {
	o.Centres, o.MaxDistance, o.Hidden = cmp.Or(o.Centres, 16), cmp.Or(o.MaxDistance, 8), cmp.Or(o.Hidden, 64)
	o.Core = cmp.Or(o.Core, o.MaxDistance)
	o.Channels, o.Tensors = max(-1, cmp.Or(o.Channels, 16)), max(-1, cmp.Or(o.Tensors, 8))
	return o
}

// Validate returns an error that names the first setting out of range.
func (o OneHop) Validate() error {
	o = o.WithDefaults()
	switch {
	case o.Centres < 2 || o.Hidden < 1:
		return fmt.Errorf("dynamics: the one-hop field has %d centres and layers of width %d; give at least 2 and 1",
			o.Centres, o.Hidden)
	case !(o.MaxDistance > 0) || math.IsInf(o.MaxDistance, 0):
		return fmt.Errorf("dynamics: the one-hop field's centres reach to %g; give the largest distance that matters",
			o.MaxDistance)
	case !(o.Guard >= 0) || math.IsInf(o.Guard, 0):
		return fmt.Errorf("dynamics: the one-hop field's guard is %g; give the smallest distance of a pair, "+
			"0 for none", o.Guard)
	case !(o.Core > 0) || math.IsInf(o.Core, 0):
		return fmt.Errorf("dynamics: the one-hop field's core is %g; "+
			"give the distance below which its centres are even", o.Core)
	}
	return nil
}

// Widest implements Wide. The largest array has the edges' features with their one derivative.
func (o OneHop) Widest(n, _, _ int) int { return 2 * n * n * o.WithDefaults().Hidden }

// oneHopField is a bound OneHop. As in the EGNN, features have the batch last but one, and
// positions have it innermost.
type oneHopField struct {
	parameters
	config OneHop
	system System
}

// numTimeFeatures is the number of the networks' inputs that depend on the time only.
const numTimeFeatures = 6

// channelNames are the parameters of the channels of orders 1 and 2.
var channelNames = []string{"vectors", "tensors"}

// Bind implements Config.
func (o OneHop) Bind(scope *model.Scope, g *Graph, system System) Field {
	o = o.WithDefaults()
	b, h := newBinder(scope, g, system, 0x6f6e65686f70), o.Hidden
	timed := func(name string, out int, scale float64) {
		b.weights(name+"_time", numTimeFeatures, out, numTimeFeatures, scale)
	}
	vectors, tensors := max(0, o.Channels), max(0, o.Tensors)
	for k, size := range []int{vectors, tensors} {
		if size > 0 {
			b.weights(channelNames[k], o.Centres, size, o.Centres, 2)
			timed(channelNames[k], size, 0.3)
		}
	}
	perParticle := o.Centres + vectors + tensors
	b.weights("heard", perParticle, h, perParticle, 1)
	timed("heard", h, 1)
	b.bias("heard_bias", h)
	b.weights("state", h, h, h, 1)
	timed("state", h, 1)
	b.bias("state_bias", h)
	perEdge := o.Centres + 2*(vectors+tensors)
	b.weights("edge", perEdge, h, perEdge, 2)
	b.weights("to", h, h, 2*h, 1)
	timed("to", h, 1)
	b.bias("to_bias", h)
	b.weights("from", h, h, 2*h, 1)
	b.weights("hidden", h, h, h, 1)
	b.bias("hidden_bias", h)
	b.weights("strength", h, 1, h, initialStrength)
	timed("strength", 1, initialStrength)
	b.bias("strength_bias", 1)
	o.bindRoles(b)
	return &oneHopField{parameters: b.bound, config: o, system: system}
}

// With implements Looped.
func (f *oneHopField) With(nodes []*Node) Field {
	return &oneHopField{parameters: f.with(nodes), config: f.config, system: f.system}
}

// At implements Field.
func (f *oneHopField) At(t, x *Node) (v, div *Node) {
	n, batch := f.system.N, x.Shape().Dimensions[0]
	e := f.edgesAt(TransposeAllDims(x, 1, 2, 0), f.timeFeatures(t))
	phi := f.strength(e)
	if f.config.Guard > 0 {
		phi = phi.add(e.delta(f.guard(e, t)))
	}
	moved := sumNeighbours(Mul(e.offset, repeat(2, f.system.D)(phi.value, 0)))
	sum := sumAxis(0)(moved, 0)
	v = Sub(moved, repeat(0, n)(Mul(sum, scalar(sum, 1/float64(n))), 0))
	perEdge := Add(Mul(phi.value, scalar(phi.value, float64(f.system.D))), Squeeze(phi.tangents, 0))
	return TransposeAllDims(v, 2, 0, 1), sumRows(Reshape(Mul(perEdge, e.offDiagonal), n*n, batch))
}

const (
	guardSigmas   = 2    // the guard's reach, in standard deviations of the remaining noise
	guardSoftness = 0.03 // width of the softplus, as a fraction of Guard
	guardTime     = 0.04 // the shortest time in which the guard closes a gap
)

// guard returns the addition to φ_ij that brings a pair that is too close to the distance c = Guard
// at time 1,
//
//	[t c − 2√2 (1−t) − d_ij]₊ / (2 (1−t) d_ij)
//
// with [·]₊ replaced by a softplus, in the way of the probability flow. On its straight path from
// the prior, a pair that ends at c or further is at t c + √2 (1−t) z or further, with z normal, and
// hardly ever closer than that with z = −2. Training has almost no such pairs, so there the
// networks would extrapolate.
func (f *oneHopField) guard(e edgeGeometry, t *Node) dual {
	c, d := f.config.Guard, e.distance
	on := func(x *Node) *Node { return BroadcastToShape(ExpandLeftToRank(x, d.Rank()), d.Shape()) }
	left := Sub(scalar(t, 1), t)
	least := Sub(Mul(t, scalar(t, c)), Mul(left, scalar(t, guardSigmas*math.Sqrt2)))
	rate := on(Div(scalar(t, 0.5), Add(left, scalar(t, guardTime))))
	width := scalar(d, guardSoftness*c)
	gap := Div(Sub(on(least), d), width)
	positive := Max(gap, scalar(gap, 0))
	softplus := Mul(Add(positive, Log1P(Exp(Neg(Abs(gap))))), width)
	phi := Mul(rate, Div(softplus, d))
	slope := Neg(Add(Mul(rate, Div(Sigmoid(gap), d)), Div(phi, d)))
	return dual{phi, ExpandAxes(slope, 0)}
}

// timeFeatures returns the features [batch, numTimeFeatures] of the times t [batch].
func (f *oneHopField) timeFeatures(t *Node) *Node {
	c, t2 := Cos(Mul(t, scalar(t, math.Pi))), Mul(t, t)
	features := []*Node{Sub(Add(t, t), scalar(t, 1)), Mul(c, c), Mul(t2, t2)}
	left := Sub(scalar(t, 1), t)
	for _, width := range []float64{0.2, 0.08, 0.035} {
		features = append(features, Exp(Mul(left, scalar(t, -1/width))))
	}
	return Stack(features, -1)
}

// strength returns φ_ij [n, n, batch] and δφ_ij.
func (f *oneHopField) strength(e edgeGeometry) dual {
	channels := f.channels(e)
	inputs := []dual{e.delta(e.basis)}
	for _, c := range channels {
		inputs = append(inputs, c.angles(e))
	}
	in := joined(inputs).dense(f.nodes["edge"], nil).add(f.states(e, channels))
	hidden := addBias(in.silu().dense(f.nodes["hidden"], nil), f.nodes["hidden_bias"])
	out := hidden.silu().dense(f.nodes["strength"], nil)
	out = out.linear(func(x *Node, _ int) *Node { return Squeeze(x, -1) })
	base := Add(Squeeze(DotProduct(e.times, f.nodes["strength_time"]), -1), f.nodes["strength_bias"])
	return out.add(constant(BroadcastToShape(ExpandLeftToRank(base, 3), out.value.Shape())))
}

// states returns the contributions of h_i and h_j to the hidden layer of φ [n, n, batch, Hidden],
// with δ.
func (f *oneHopField) states(e edgeGeometry, channels []channel) dual {
	slope := Squeeze(e.basis.tangents, 0)
	distances := dual{sumNeighbours(e.basis.value), e.moment(1, slope).stacked()}
	inputs, neighbour := []dual{distances}, []*Node{e.scaled(slope, e.deltaDistance)}
	for _, c := range channels {
		inputs, neighbour = append(inputs, c.norm()), append(neighbour, c.neighbourNorm())
	}
	first := f.addParticleRole(joined(inputs).dense(f.nodes["heard"], f.nodes["heard_bias"]))
	first = f.addTime("heard_time", e.times, first)
	second := first.silu().dense(f.nodes["state"], f.nodes["state_bias"])
	second = f.addTime("state_time", e.times, second)
	state := second.silu()
	own, theirs := state.dense(f.nodes["to"], f.nodes["to_bias"]), denseOn(state.value, f.nodes["from"])
	own = f.addTime("to_time", e.times, own)

	deltaOwn := e.scaled(e.contract(unstacked(own.tangents)), e.distance) // r = û d
	deltaTheirs := denseOn(Concatenate(neighbour, -1), f.nodes["heard"])
	deltaTheirs = denseOn(Mul(deltaTheirs, reversed(toEdges(siluSlope(first.value)))), f.nodes["state"])
	deltaTheirs = denseOn(Mul(deltaTheirs, reversed(toEdges(siluSlope(second.value)))), f.nodes["from"])
	value := Add(toEdges(own.value), reversed(toEdges(theirs)))
	return dual{value, ExpandAxes(Add(deltaOwn, deltaTheirs), 0)}
}

// addBias adds a bias to the values of all edges. It uses a matrix product, whose gradient is one
// too.
func addBias(a dual, bias *Node) dual {
	dims := a.value.Shape().Dimensions
	rows := a.value.Shape().Size() / dims[len(dims)-1]
	wide := Reshape(DotProduct(ones(a.value, rows, 1), Reshape(bias, 1, -1)), dims...)
	return dual{Add(a.value, wide), a.tangents}
}

// timeFactor returns 1 + (the product of the time features with the named weights) [batch, out].
func (f *oneHopField) timeFactor(name string, times *Node) *Node {
	row := DotProduct(times, f.nodes[name])
	return Add(row, scalar(row, 1))
}

// addTime adds the product of the time features with the named weights to values of particles
// [n, batch, out].
func (f *oneHopField) addTime(name string, times *Node, a dual) dual {
	row := DotProduct(times, f.nodes[name])
	return dual{Add(a.value, BroadcastToShape(ExpandAxes(row, 0), a.value.Shape())), a.tangents}
}

// joined concatenates duals along the last axis.
func joined(parts []dual) dual {
	var values, tangents []*Node
	for _, p := range parts {
		values, tangents = append(values, p.value), append(tangents, p.tangents)
	}
	return dual{Concatenate(values, -1), Concatenate(tangents, -1)}
}
