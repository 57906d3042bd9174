package dynamics

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// hop is what the networks are given of positions [n, d, batch] and of the time. Every dual on an edge of it has one
// direction: as the particle i of the edge moves along r_ij, written δ in OneHop.
type hop struct {
	offset   *Node   // r_ij [n−1, n, d, batch]
	unit     []*Node // û_ij by coordinate, each [n−1, n, batch]
	distance *Node   // d_ij [n−1, n, batch]
	grows    *Node   // δd_ij = r²/d [n−1, n, batch]
	slack    *Node   // ε/d²: δû_ij = slack·û_ij [n−1, n, batch]
	times    *Node   // [batch, timeFeatures]
	basis    dual    // R(d_ij) [n−1, n, batch, Centres], with the derivatives by d_ij
	message  dual    // hidden layer of the messages [n−1, n, batch, Hidden], with the derivatives by d_ij
}

func (f *oneHopField) edgesAt(y, times *Node) hop {
	n, d, batch := f.system.N, f.system.D, y.Shape().Dimensions[2]
	e := hop{times: times}
	e.offset = Sub(repeat(0, n-1)(y, 0), others(y, 0))
	square := sumAxis(2)(Mul(e.offset, e.offset), 0)
	e.distance = Sqrt(Add(square, scalar(square, regulariser)))
	e.grows = Div(square, e.distance)
	e.slack = Div(scalar(square, regulariser), Mul(e.distance, e.distance))
	for k := range d {
		coordinate := Reshape(SliceAxis(e.offset, 2, AxisRange(k, k+1)), n-1, n, batch)
		e.unit = append(e.unit, Div(coordinate, e.distance))
	}
	e.basis = f.basis(e.distance)
	in := e.basis.dense(f.nodes["message_distance"], f.nodes["message_bias"])
	e.message = in.add(fixed(f.timed("message_time", e.times, in.value))).silu()
	return e
}

// basis returns the radial basis functions exp(−((d−μ)/γ)²), with their derivatives by d.
func (f *oneHopField) basis(distance *Node) dual {
	k := f.config.Centres
	apart := f.config.MaxDistance / float64(k-1)
	wide := repeat(3, k)(distance, 0)
	centres := ConstAsDType(distance.Graph(), distance.DType(), evenly(0, f.config.MaxDistance, k))
	u := Mul(Sub(wide, BroadcastToShape(ExpandLeftToRank(centres, wide.Rank()), wide.Shape())), scalar(wide, 1/apart))
	r := Exp(Neg(Mul(u, u)))
	return dual{r, ExpandAxes(Mul(Mul(r, u), scalar(r, -2/apart)), 0)}
}

// timed returns what the named weights make of the times, broadcast over like [..., batch, out].
func (f *oneHopField) timed(name string, times, like *Node) *Node {
	row := DotProduct(times, f.nodes[name])
	return BroadcastToShape(ExpandLeftToRank(row, like.Rank()), like.Shape())
}

// strength returns φ_ij [n−1, n, batch] and δφ_ij.
func (f *oneHopField) strength(e hop) dual {
	in := e.moving(e.basis.dense(f.nodes["distance"], f.nodes["edge_bias"]))
	in = in.add(fixed(f.timed("time", e.times, in.value))).add(f.features(e))
	if f.config.channels() > 0 {
		in = in.add(f.angles(e))
	}
	out := in.silu().dense(f.nodes["hidden"], f.nodes["hidden_bias"]).silu().dense(f.nodes["strength"], f.nodes["strength_bias"])
	return out.linear(func(x *Node, _ int) *Node { return Squeeze(x, -1) })
}

// moving turns derivatives by d_ij into δ.
func (e hop) moving(a dual) dual {
	return a.linear(func(x *Node, lead int) *Node {
		if lead == 0 {
			return x
		}
		return Mul(x, ExpandAxes(e.over(e.grows, a.value), 0))
	})
}

// over broadcasts a [n−1, n, batch] over the last axis of like [n−1, n, batch, out].
func (e hop) over(a, like *Node) *Node {
	return BroadcastToShape(ExpandAxes(a, -1), like.Shape())
}

// along returns Σ_k û_k a_k over the coordinates for arrays a_k of particles [n, batch, out], lined up with the edges
// [n−1, n, batch, out] by lineUp.
func (e hop) along(a []*Node, lineUp func(x *Node, lead int) *Node) *Node {
	var sum *Node
	for k, u := range e.unit {
		wide := lineUp(a[k], 0)
		sum = sumOf(sum, Mul(e.over(u, wide), wide))
	}
	return sum
}

// perCoordinate returns Σ_j û_ij,k a_ij for every coordinate k: a is [n−1, n, batch, out], the results [n, batch, out].
func (e hop) perCoordinate(a *Node) []*Node {
	out := make([]*Node, len(e.unit))
	for k, u := range e.unit {
		out[k] = sumAxis(0)(Mul(e.over(u, a), a), 0)
	}
	return out
}

// features returns h_i and h_j through their weights [n−1, n, batch, Hidden], with δ.
func (f *oneHopField) features(e hop) dual {
	n := f.system.N
	message := e.message.dense(f.nodes["message"], nil)
	slope := Squeeze(message.along, 0) // m'(d_ij)
	s := sumAxis(0)(message.value, 0)
	bias := BroadcastToShape(ExpandLeftToRank(f.nodes["heard_bias"], s.Rank()), s.Shape())
	// One derivative for every coordinate of x_i: the matrix Σ_k m'(d_ik) û_ikᵀ.
	h := dual{Add(Add(s, f.timed("heard_time", e.times, s)), bias), Stack(e.perCoordinate(slope), 0)}
	gate := dual{h.value, ExpandAxes(OnesLike(h.value), 0)}.silu()
	own := h.silu().dense(f.nodes["to"], nil)
	theirs := denseOn(gate.value, f.nodes["from"])
	value := Add(repeat(0, n-1)(own.value, 0), others(theirs, 0))

	matrix := make([]*Node, f.system.D)
	for k := range matrix {
		matrix[k] = Squeeze(SliceAxis(own.along, 0, AxisRange(k, k+1)), 0)
	}
	dOwn := e.along(matrix, repeat(0, n-1))
	dOwn = Mul(dOwn, e.over(e.distance, dOwn)) // r = û d
	dTheirs := denseOn(Mul(others(Squeeze(gate.along, 0), 0), Mul(slope, e.over(e.grows, slope))), f.nodes["from"])
	return dual{value, ExpandAxes(Add(dOwn, dTheirs), 0)}
}

// angles returns û_ij·V_i and û_ij·V_j through their weights [n−1, n, batch, Hidden], with δ.
func (f *oneHopField) angles(e hop) dual {
	n := f.system.N
	w := e.message.dense(f.nodes["channels"], nil)
	slope := Squeeze(w.along, 0) // w_c'(d_ij)
	vectors := e.perCoordinate(w.value)
	own, theirs := e.along(vectors, repeat(0, n-1)), e.along(vectors, others)
	slack := e.over(e.slack, own)

	dOwn := Add(Mul(slack, own), f.turned(e, w.value, slope))
	// û·δV_j with |û|² = 1 − ε/d².
	back := Mul(Add(Mul(slope, e.over(e.grows, slope)), Mul(w.value, slack)), Sub(scalar(slack, 1), slack))
	dTheirs := Sub(Mul(slack, theirs), back)
	return dual{own, ExpandAxes(dOwn, 0)}.dense(f.nodes["angles_to"], nil).
		add(dual{theirs, ExpandAxes(dTheirs, 0)}.dense(f.nodes["angles_from"], nil))
}

// turned returns û_ij·δV_i = d_ij ûᵀ[Σ_k (w' − w/d) û_ik û_ikᵀ + Σ_k (w/d) 1]û [n−1, n, batch, Channels].
func (f *oneHopField) turned(e hop, w, slope *Node) *Node {
	n := f.system.N
	lateral := Div(w, e.over(e.distance, w))
	stretch := Sub(slope, lateral)
	var sum *Node
	for p, u := range e.unit {
		row := e.along(e.perCoordinate(Mul(stretch, e.over(u, stretch))), repeat(0, n-1))
		sum = sumOf(sum, Mul(row, e.over(e.unit[p], row)))
	}
	isotropic := repeat(0, n-1)(sumAxis(0)(lateral, 0), 0)
	square := Sub(scalar(e.slack, 1), e.slack) // |û|²
	sum = Add(sum, Mul(isotropic, e.over(square, isotropic)))
	return Mul(sum, e.over(e.distance, sum))
}
