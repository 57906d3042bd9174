package dynamics

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// hop is what the networks are given of positions [n, d, batch] and of the time. Arrays on edges are [n, n, batch, …]:
// element [j, i] is particle i's edge to j, and those with i = j are there for the sake of plain broadcasts, with r = û = 0.
// Every dual on edges has one direction: as the particle i of the edge moves along r_ij, written δ in OneHop.
type hop struct {
	offset   *Node   // r_ij [n, n, d, batch]
	unit     []*Node // û_ij by coordinate, each [n, n, batch]
	distance *Node   // d_ij [n, n, batch]
	grows    *Node   // δd_ij = r²/d [n, n, batch]
	slack    *Node   // ε/d²: δû_ij = slack·û_ij [n, n, batch]
	square   *Node   // |û_ij|² = 1 − slack, and 0 where i = j
	apart    *Node   // 1, and 0 where i = j
	times    *Node   // [batch, timeFeatures]
	basis    dual    // R(d_ij) [n, n, batch, Centres], with the derivatives by d_ij
}

func (f *oneHopField) edgesAt(y, times *Node) hop {
	n, d, batch := f.system.N, f.system.D, y.Shape().Dimensions[2]
	e := hop{times: times}
	e.offset = Sub(repeat(0, n)(y, 0), repeat(1, n)(y, 0))
	square := sumAxis(2)(Mul(e.offset, e.offset), 0)
	e.distance = Sqrt(Add(square, scalar(square, regulariser)))
	e.grows = Div(square, e.distance)
	inverse := Div(scalar(square, 1), e.distance)
	e.slack = Mul(scalar(square, regulariser), Mul(inverse, inverse))
	e.square = Sub(scalar(e.slack, 1), e.slack)
	for k := range d {
		coordinate := Reshape(SliceAxis(e.offset, 2, AxisRange(k, k+1)), n, n, batch)
		e.unit = append(e.unit, Mul(coordinate, inverse))
	}
	off := make([][]float64, n)
	for i := range off {
		off[i] = make([]float64, n)
		for j := range off[i] {
			if i != j {
				off[i][j] = 1
			}
		}
	}
	e.apart = repeat(2, batch)(ConstAsDType(y.Graph(), y.DType(), off), 0)
	e.basis = f.byPair(f.basis(e.distance))
	return e
}

// basis returns the radial basis functions exp(−((ρ−μ)/γ)²) of ρ = asinh(d/Core)·Core, with their derivatives by d.
func (f *oneHopField) basis(distance *Node) dual {
	k, core := f.config.Centres, f.config.Core
	spacing := core * math.Asinh(f.config.MaxDistance/core) / float64(k-1)
	x := Mul(distance, scalar(distance, 1/core))
	root := Sqrt(Add(Mul(x, x), scalar(x, 1)))
	rho := Mul(Log(Add(x, root)), scalar(x, core/spacing))
	slope := Div(scalar(x, 1/spacing), root)
	wide := repeat(3, k)(rho, 0)
	centres := ConstAsDType(distance.Graph(), distance.DType(), evenly(0, float64(k-1), k))
	u := Sub(wide, BroadcastToShape(ExpandLeftToRank(centres, wide.Rank()), wide.Shape()))
	r := Exp(Neg(Mul(u, u)))
	return dual{r, ExpandAxes(Mul(Mul(r, u), Mul(repeat(3, k)(slope, 0), scalar(r, -2))), 0)}
}

// sumNeighbours sums edges' values [n, n, batch, …] over the neighbours: [n, batch, …]. It and spread are matrix products
// with ones, as is each the other's gradient: XLA's own reductions run over the batch one number at a time on a CPU.
func sumNeighbours(x *Node) *Node {
	dims := x.Shape().Dimensions
	return Reshape(DotProduct(ones(x, 1, dims[0]), Reshape(x, dims[0], -1)), dims[1:]...)
}

// spread gives the values of particles [n, batch, …] to their edges [n, n, batch, …].
func spread(x *Node) *Node {
	dims := x.Shape().Dimensions
	return Reshape(DotProduct(ones(x, dims[0], 1), Reshape(x, 1, -1)), append([]int{dims[0]}, dims...)...)
}

// ones is an array of ones beside x.
func ones(x *Node, dims ...int) *Node { return BroadcastToDims(scalar(x, 1), dims...) }

// reversed returns a_ji in the place of a_ij.
func reversed(a *Node) *Node {
	axes := make([]int, a.Rank())
	for k := range axes {
		axes[k] = k
	}
	axes[0], axes[1] = 1, 0
	return TransposeAllDims(a, axes...)
}

// over broadcasts a [n, n, batch] over the last axis of like [n, n, batch, out].
func (e hop) over(a, like *Node) *Node {
	if a.Rank() == like.Rank() {
		return a
	}
	return BroadcastToShape(ExpandAxes(a, -1), like.Shape())
}

// scaled multiplies edges' x [n, n, batch, out] by factors a [n, n, batch].
func (e hop) scaled(x, a *Node) *Node { return Mul(x, e.over(a, x)) }

// channel is the l-th order of what an edge knows of angles: w(d_ij) through the moments M_i = Σ_k w(d_ik) û_ik^{⊗l}.
type channel struct {
	order  int
	moment moment
	angle  *Node // A_ij = M_i · û_ij^{⊗l} [n, n, batch, channels]
	moves  *Node // w'(d_ij) δd_ij + l w(d_ij) ε/d²: δ of the edge's own term in M_i and M_j, less the sign
	// turns and stretch are the moments of orders l+1 and l−1 that give the derivatives of M_i as x_i moves:
	// Σ_k (w' − l w/d) û^{⊗l+1} and Σ_k (l w/d) û^{⊗l−1}.
	turns, stretch moment
}

// gated multiplies edges' values [n, n, batch, channels] by a factor of the time [batch, channels].
func (e hop) gated(w, gate *Node) *Node {
	return Mul(w, BroadcastToShape(ExpandLeftToRank(gate, 4), w.Shape()))
}

// channelsAt returns the vector channels and those of second order.
func (f *oneHopField) channelsAt(e hop) []channel {
	var out []channel
	for k, name := range channelNames {
		if f.nodes[name] == nil {
			continue
		}
		w := e.basis.dense(f.nodes[name], nil)
		out = append(out, e.channel(k+1, w.value, Squeeze(w.along, 0), f.gate(name+"_time", e.times)))
	}
	return out
}

func (e hop) channel(order int, w, slope, gate *Node) channel {
	c, l := channel{order: order}, scalar(w, float64(order))
	c.moment = e.moment(order, w).scaled(gate)
	w, slope = e.gated(w, gate), e.gated(slope, gate)
	c.angle = e.contract(c.moment)
	c.moves = Add(e.scaled(slope, e.grows), Mul(l, e.scaled(w, e.slack)))
	lateral := Mul(l, Div(e.scaled(w, e.apart), e.over(e.distance, w)))
	c.turns = e.moment(order+1, Sub(slope, lateral))
	c.stretch = e.moment(order-1, lateral)
	return c
}

// norm returns M_i·M_i [n, batch, channels], with the derivatives by each coordinate of x_i, one direction each.
func (c channel) norm() dual {
	value := c.moment.dot(c.moment)
	along := make([]*Node, c.moment.d)
	for k := range along {
		one := Add(c.moment.dot(c.turns.slice(k)), c.moment.slice(k).dot(c.stretch))
		along[k] = Add(one, one)
	}
	return dual{value, Stack(along, 0)}
}

// sign is (−1)^l: û_ji = −û_ij.
func (c channel) sign(a *Node) *Node {
	if c.order%2 == 1 {
		return Neg(a)
	}
	return a
}

// angles returns M_i·û_ij^{⊗l} and M_j·û_ij^{⊗l} side by side [n, n, batch, 2·channels], with δ.
func (c channel) angles(e hop) dual {
	l := scalar(c.angle, float64(c.order))
	theirs := c.sign(reversed(c.angle))
	turned := Add(e.contract(c.turns), e.scaled(e.contract(c.stretch), e.square))
	dOwn := Add(e.scaled(turned, e.distance), Mul(l, e.scaled(c.angle, e.slack)))
	back := c.moves
	for range c.order {
		back = e.scaled(back, e.square)
	}
	dTheirs := Add(c.sign(back), Mul(l, e.scaled(theirs, e.slack)))
	return dual{Concatenate([]*Node{c.angle, theirs}, -1), ExpandAxes(Concatenate([]*Node{dOwn, dTheirs}, -1), 0)}
}

// heard returns δ(M_j·M_j) on every edge [n, n, batch, channels].
func (c channel) heard() *Node {
	there := Mul(reversed(c.angle), c.moves) // the signs cancel: (−1)^l of û_ji in M_j, and in the contraction
	return Add(there, there)
}
