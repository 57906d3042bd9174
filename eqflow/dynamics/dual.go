package dynamics

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// dual is a value together with its derivatives in several directions: forward-mode
// differentiation, built into the graph beside the values. One pass gives the products of the
// Jacobian with all directions; reverse mode gives the Jacobian row by row.
//
// The operations also run inside the closures of XLA's While. Therefore they sum by Dot or by
// slices, and create their constants where they use them.
type dual struct {
	value    *Node // [dims...]
	tangents *Node // [directions, dims...]; nil where all derivatives are zero
}

// constant returns a value whose derivatives are all zero.
func constant(value *Node) dual { return dual{value: value} }

// linear applies a linear map. f receives the value with lead = 0, and the tangents, which have one
// more leading axis, with lead = 1.
func (a dual) linear(f func(x *Node, lead int) *Node) dual {
	out := dual{value: f(a.value, 0)}
	if a.tangents != nil {
		out.tangents = f(a.tangents, 1)
	}
	return out
}

func (a dual) add(b dual) dual {
	return dual{Add(a.value, b.value), sumOf(a.tangents, b.tangents)}
}

func (a dual) sub(b dual) dual {
	return a.add(b.linear(func(x *Node, _ int) *Node { return Neg(x) }))
}

// mul multiplies two values of the same shape.
func (a dual) mul(b dual) dual {
	return dual{Mul(a.value, b.value), sumOf(a.tangentsTimes(b.value), b.tangentsTimes(a.value))}
}

// div divides two values of the same shape.
func (a dual) div(b dual) dual {
	ratio := Div(a.value, b.value)
	inverse := Div(scalar(b.value, 1), b.value)
	return dual{ratio, sumOf(a.tangentsTimes(inverse), b.tangentsTimes(Neg(Mul(ratio, inverse))))}
}

// shift adds the number c to the value.
func (a dual) shift(c float64) dual { return dual{Add(a.value, scalar(a.value, c)), a.tangents} }

// sqrt takes the square root of a value that is positive everywhere.
func (a dual) sqrt() dual {
	root := Sqrt(a.value)
	return dual{root, a.tangentsTimes(Div(scalar(root, 0.5), root))}
}

// silu applies x σ(x) (Elfwing et al., arXiv:1702.03118).
func (a dual) silu() dual {
	return dual{Mul(a.value, Sigmoid(a.value)), a.tangentsTimes(siluSlope(a.value))}
}

// siluSlope is the derivative of SiLU, σ (1 + x (1 − σ)).
func siluSlope(x *Node) *Node {
	gate := Sigmoid(x)
	return Add(gate, Mul(Mul(x, gate), Sub(scalar(gate, 1), gate)))
}

// dense multiplies the last axis by weights [in, out] and adds bias [out] unless it is nil.
func (a dual) dense(weights, bias *Node) dual {
	out := a.linear(func(x *Node, _ int) *Node { return denseOn(x, weights) })
	if bias != nil {
		out.value = Add(out.value, BroadcastToShape(ExpandLeftToRank(bias, out.value.Rank()), out.value.Shape()))
	}
	return out
}

// outer multiplies the value [dims...] by each of weights [1, out] and returns [dims..., out].
func (a dual) outer(weights *Node) dual {
	return a.linear(func(x *Node, _ int) *Node {
		dims := append(append([]int(nil), x.Shape().Dimensions...), weights.Shape().Dimensions[1])
		row := ExpandLeftToRank(Reshape(weights, -1), len(dims))
		return Mul(BroadcastToDims(ExpandAxes(x, -1), dims...), BroadcastToDims(row, dims...))
	})
}

// chain applies the chain rule: a has one direction, the derivative by inner, and the result has
// inner's directions. inner has the leading axes of the value.
func (a dual) chain(inner dual) dual {
	dims := append([]int{inner.tangents.Shape().Dimensions[0]}, a.value.Shape().Dimensions...)
	tangents := inner.tangents
	for tangents.Rank() < len(dims) {
		tangents = ExpandAxes(tangents, -1)
	}
	return dual{a.value, Mul(BroadcastToDims(a.tangents, dims...), BroadcastToDims(tangents, dims...))}
}

// tangentsTimes multiplies the tangents by a factor of the value's shape. It returns nil where
// there are none.
func (a dual) tangentsTimes(factor *Node) *Node {
	if a.tangents == nil {
		return nil
	}
	return Mul(a.tangents, BroadcastToShape(ExpandAxes(factor, 0), a.tangents.Shape()))
}

// denseOn multiplies the last axis of x by weights [in, out].
func denseOn(x, weights *Node) *Node {
	dims := append([]int(nil), x.Shape().Dimensions...)
	last := len(dims) - 1
	flat := DotProduct(Reshape(x, -1, dims[last]), weights)
	dims[last] = weights.Shape().Dimensions[1]
	return Reshape(flat, dims...)
}

// sumOf returns a + b, where nil stands for zero.
func sumOf(a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return Add(a, b)
}

// repeat broadcasts x along a new axis of the given size. The axis is counted without the leading
// axes.
func repeat(axis, size int) func(x *Node, lead int) *Node {
	return func(x *Node, lead int) *Node {
		wide := ExpandAxes(x, axis+lead)
		dims := append([]int(nil), wide.Shape().Dimensions...)
		dims[axis+lead] = size
		return BroadcastToDims(wide, dims...)
	}
}

// sumAxis sums over an axis slice by slice. The axis is counted without the leading axes.
func sumAxis(axis int) func(x *Node, lead int) *Node {
	return func(x *Node, lead int) *Node {
		at := axis + lead
		dims := x.Shape().Dimensions
		rest := append(append([]int(nil), dims[:at]...), dims[at+1:]...)
		var sum *Node
		for k := range dims[at] {
			sum = sumOf(sum, Reshape(SliceAxis(x, at, AxisRange(k, k+1)), rest...))
		}
		return sum
	}
}

// others gives every particle the values of the other particles, in cyclic order: [n, ...] becomes
// [n−1, n, ...], and element [s, i] is the value of particle i+s+1. It copies slices and needs no
// gather.
func others(x *Node, lead int) *Node {
	n := x.Shape().Dimensions[lead]
	twice := Concatenate([]*Node{x, x}, lead)
	parts := make([]*Node, n-1)
	for s := range parts {
		parts[s] = ExpandAxes(SliceAxis(twice, lead, AxisRange(s+1, s+1+n)), lead)
	}
	return Concatenate(parts, lead)
}
