package dynamics

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// channel describes angles to order l: the weights w(d_ij) of the edges, and the moments M_i = Σ_k
// w(d_ik) û_ik^{⊗l}.
type channel struct {
	order  int
	moment moment
	angle  *Node // A_ij = M_i · û_ij^{⊗l} [n, n, batch, channels]
	// edgeTerm is δ of the edge's own term in M_i and M_j up to the sign: w'(d_ij) δd_ij + l
	// w(d_ij) ε/d².
	edgeTerm *Node
	// higher and lower are the moments of orders l+1 and l−1 that give the derivatives of M_i as
	// x_i moves: Σ_k (w' − l w/d) û^{⊗l+1} and Σ_k (l w/d) û^{⊗l−1}.
	higher, lower moment
}

// channels returns the channels of first and of second order.
func (f *oneHopField) channels(e edgeGeometry) []channel {
	var out []channel
	for k, name := range channelNames {
		if f.nodes[name] == nil {
			continue
		}
		w := e.basis.dense(f.nodes[name], nil)
		factor := f.timeFactor(name+"_time", e.times)
		out = append(out, e.channel(k+1, w.value, Squeeze(w.tangents, 0), factor))
	}
	return out
}

// channel returns the channel for weights w and their slopes [n, n, batch, channels], and a factor
// that depends on the time [batch, channels].
func (e edgeGeometry) channel(order int, w, slope, factor *Node) channel {
	timesFactor := func(w *Node) *Node { return Mul(w, BroadcastToShape(ExpandLeftToRank(factor, 4), w.Shape())) }
	c, l := channel{order: order}, scalar(w, float64(order))
	c.moment = e.moment(order, w).scaled(factor)
	w, slope = timesFactor(w), timesFactor(slope)
	c.angle = e.contract(c.moment)
	c.edgeTerm = Add(e.scaled(slope, e.deltaDistance), Mul(l, e.scaled(w, e.softening)))
	lateral := Mul(l, Div(e.scaled(w, e.offDiagonal), e.repeatChannels(e.distance, w)))
	c.higher = e.moment(order+1, Sub(slope, lateral))
	c.lower = e.moment(order-1, lateral)
	return c
}

// norm returns M_i·M_i [n, batch, channels] with its derivatives by the coordinates of x_i, one
// direction for each.
func (c channel) norm() dual {
	value := c.moment.dot(c.moment)
	tangents := make([]*Node, c.moment.d)
	for k := range tangents {
		half := Add(c.moment.dot(c.higher.slice(k)), c.moment.slice(k).dot(c.lower))
		tangents[k] = Add(half, half)
	}
	return dual{value, Stack(tangents, 0)}
}

// neighbourNorm returns δ(M_j·M_j) on every edge [n, n, batch, channels].
func (c channel) neighbourNorm() *Node {
	half := Mul(reversed(c.angle), c.edgeTerm) // the signs (−1)^l of û_ji in M_j and in the contraction cancel
	return Add(half, half)
}

// signed multiplies by (−1)^l, since û_ji = −û_ij.
func (c channel) signed(a *Node) *Node {
	if c.order%2 == 1 {
		return Neg(a)
	}
	return a
}

// angles returns M_i·û_ij^{⊗l} and M_j·û_ij^{⊗l}, concatenated to [n, n, batch, 2·channels], with
// δ.
func (c channel) angles(e edgeGeometry) dual {
	l := scalar(c.angle, float64(c.order))
	theirs := c.signed(reversed(c.angle))
	change := Add(e.contract(c.higher), e.scaled(e.contract(c.lower), e.square))
	deltaOwn := Add(e.scaled(change, e.distance), Mul(l, e.scaled(c.angle, e.softening)))
	term := c.edgeTerm
	for range c.order {
		term = e.scaled(term, e.square)
	}
	deltaTheirs := Add(c.signed(term), Mul(l, e.scaled(theirs, e.softening)))
	return dual{
		Concatenate([]*Node{c.angle, theirs}, -1),
		ExpandAxes(Concatenate([]*Node{deltaOwn, deltaTheirs}, -1), 0),
	}
}
