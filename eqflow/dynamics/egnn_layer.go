package dynamics

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
)

// edges are the ordered pairs of an EGNN. Element [s, i] is the edge of particle i to particle
// i+s+1, cyclically.
type edges struct {
	offset   dual // x_i − x_j [n−1, n, d, batch]
	distance dual // √(|x_i − x_j|² + ε) [n−1, n, batch]
}

func edgesOf(y dual) edges {
	n := y.value.Shape().Dimensions[0]
	offset := y.linear(repeat(0, n-1)).sub(y.linear(others))
	return edges{offset, offset.mul(offset).linear(sumAxis(2)).shift(regulariser).sqrt()}
}

// displacement returns Σ_j (x_i − x_j)/(d_ij + 1) strength_ij [n, d, batch].
func (e edges) displacement(strength dual) dual {
	d := e.offset.value.Shape().Dimensions[2]
	return e.offset.mul(strength.div(e.distance.shift(1)).linear(repeat(2, d))).linear(sumAxis(0))
}

// egnnLayer returns a layer's parameters by name.
type egnnLayer func(parameter string) *Node

func (f *egnnField) layer(k int) egnnLayer {
	return func(parameter string) *Node {
		node := f.nodes[fmt.Sprintf("layer_%d_%s", k, parameter)]
		if factor := f.config.MeanFactor(parameter, f.system.N); factor != 1 {
			node = MulScalar(node, factor)
		}
		if parameter == "edge_roles" && node != nil { // on the edges [n−1, n, Hidden]
			n := f.system.N
			return f.system.ofEdges(node, n-1, func(s, i int) int { return (i + s + 1) % n })
		}
		return node
	}
}

// inputs returns the inputs of the messages' hidden layer [n−1, n, batch, Hidden] for features h
// [n, batch, Hidden], and current and initial distances [n−1, n, batch].
func (l egnnLayer) inputs(h, current, initial dual) dual {
	shifts := current.value.Shape().Dimensions[0]
	in := h.dense(l("to"), l("edge_bias")).linear(repeat(0, shifts)).add(h.dense(l("from"), nil).linear(others))
	if roles := l("edge_roles"); roles != nil {
		in = in.add(constant(repeat(2, current.value.Shape().Dimensions[2])(roles, 0)))
	}
	return in.add(current.outer(l("distance"))).add(initial.outer(l("start")))
}

// commonInputs is inputs in the first layer where all particles have the same features h
// [batch, Hidden]. It takes the distances of pairs [pairs, batch] and returns
// [pairs, batch, Hidden].
func (l egnnLayer) commonInputs(h, distances dual) dual {
	pairs := distances.value.Shape().Dimensions[0]
	in := h.dense(Add(l("to"), l("from")), l("edge_bias")).linear(repeat(0, pairs))
	return in.add(distances.outer(Add(l("distance"), l("start"))))
}

// message returns m_ij [n−1, n, batch, Hidden] for its inputs.
func (l egnnLayer) message(in dual) dual {
	return in.silu().dense(l("message"), l("message_bias")).silu()
}

// byDistance returns the distances with one direction, the derivative by the distance itself.
func byDistance(distances dual) dual {
	return dual{distances.value, ExpandAxes(OnesLike(distances.value), 0)}
}

// firstMessage returns the first layer's messages and strengths for inputs with the derivative by
// the distance. The first features depend on time and roles only, so that the networks of an edge
// need one derivative, by its distance. The chain rule gives all directions.
func (l egnnLayer) firstMessage(in, distances dual) (message, strength dual) {
	message = l.message(in)
	strength = l.strength(message)
	return message.chain(distances), strength.chain(distances)
}

// strength returns φ_x(m_ij) [n−1, n, batch].
func (l egnnLayer) strength(message dual) dual {
	out := message.dense(l("pull"), l("pull_bias")).silu().dense(l("strength"), nil)
	return out.linear(func(x *Node, _ int) *Node { return Squeeze(x, -1) })
}

// strengthAndSlope returns φ_x(m_ij) [n−1, n, batch] and its gradient by the inputs of the
// messages [n−1, n, batch, Hidden].
func (l egnnLayer) strengthAndSlope(in *Node) (strength, slope *Node) {
	first := constant(in)
	second := first.silu().dense(l("message"), l("message_bias"))
	third := second.silu().dense(l("pull"), l("pull_bias"))
	strength = Squeeze(third.silu().dense(l("strength"), nil).value, -1)
	slope = BroadcastToShape(ExpandLeftToRank(Reshape(l("strength"), -1), in.Rank()), in.Shape())
	slope = denseOn(Mul(slope, siluSlope(third.value)), Transpose(l("pull"), 0, 1))
	slope = denseOn(Mul(slope, siluSlope(second.value)), Transpose(l("message"), 0, 1))
	return strength, Mul(slope, siluSlope(in))
}

// own returns the contribution of a particle's features to the hidden layer of φ_h.
func (l egnnLayer) own(h dual) dual { return h.dense(l("own"), l("update_bias")) }

// update returns φ_h(h_i, Σ_j m_ij) [n, batch, Hidden] for the contribution of h_i to its hidden
// layer, and Σ_j m_ij.
func (l egnnLayer) update(own, incoming dual) dual {
	hidden := own.add(incoming.dense(l("heard"), nil)).silu()
	return hidden.dense(l("update"), l("update_out_bias"))
}
