package dynamics

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// dual is a value with its derivatives along several directions at once: forward-mode differentiation, built into the graph
// beside the values. One pass gives the products of the Jacobian with all directions, which reverse mode gives row by row.
//
// Its operations run inside the closures of XLA's While too, so they sum by Dot and make their constants on the spot.
type dual struct {
	value *Node // [dims...]
	along *Node // [directions, dims...]; nil where the value does not change in any direction
}

// fixed is a value that changes in no direction.
func fixed(value *Node) dual { return dual{value: value} }

// linear applies a linear map. f is given the value, and the derivatives with one leading axis more: lead counts them.
func (a dual) linear(f func(x *Node, lead int) *Node) dual {
	out := dual{value: f(a.value, 0)}
	if a.along != nil {
		out.along = f(a.along, 1)
	}
	return out
}

func (a dual) add(b dual) dual {
	return dual{Add(a.value, b.value), sumOf(a.along, b.along)}
}

func (a dual) sub(b dual) dual {
	return a.add(b.linear(func(x *Node, _ int) *Node { return Neg(x) }))
}

// mul multiplies two values of one shape.
func (a dual) mul(b dual) dual {
	return dual{Mul(a.value, b.value), sumOf(a.times(b.value), b.times(a.value))}
}

// div divides two values of one shape.
func (a dual) div(b dual) dual {
	ratio := Div(a.value, b.value)
	inverse := Div(scalar(b.value, 1), b.value)
	return dual{ratio, sumOf(a.times(inverse), b.times(Neg(Mul(ratio, inverse))))}
}

// shift adds a constant to the value.
func (a dual) shift(c float64) dual { return dual{Add(a.value, scalar(a.value, c)), a.along} }

// sqrt takes the square root, of a value that is positive everywhere.
func (a dual) sqrt() dual {
	root := Sqrt(a.value)
	return dual{root, a.times(Div(scalar(root, 0.5), root))}
}

// silu is x σ(x) (Elfwing et al., arXiv:1702.03118), with the derivative σ (1 + x (1 − σ)).
func (a dual) silu() dual {
	return dual{Mul(a.value, Sigmoid(a.value)), a.times(siluSlope(a.value))}
}

// siluSlope is the derivative of SiLU.
func siluSlope(x *Node) *Node {
	gate := Sigmoid(x)
	return Add(gate, Mul(Mul(x, gate), Sub(scalar(gate, 1), gate)))
}

// dense multiplies the last axis by weights [in, out] and adds bias [out], where there is one.
func (a dual) dense(weights, bias *Node) dual {
	out := a.linear(func(x *Node, _ int) *Node { return denseOn(x, weights) })
	if bias != nil {
		out.value = Add(out.value, BroadcastToShape(ExpandLeftToRank(bias, out.value.Rank()), out.value.Shape()))
	}
	return out
}

// outer multiplies the value [dims...] by every one of weights [1, out]: [dims..., out].
func (a dual) outer(weights *Node) dual {
	return a.linear(func(x *Node, _ int) *Node {
		dims := append(append([]int(nil), x.Shape().Dimensions...), weights.Shape().Dimensions[1])
		row := ExpandLeftToRank(Reshape(weights, -1), len(dims))
		return Mul(BroadcastToDims(ExpandAxes(x, -1), dims...), BroadcastToDims(row, dims...))
	})
}

// chain turns derivatives by inner, in their one direction, into those in inner's directions. inner has the leading axes of
// the value.
func (a dual) chain(inner dual) dual {
	dims := append([]int{inner.along.Shape().Dimensions[0]}, a.value.Shape().Dimensions...)
	along := inner.along
	for along.Rank() < len(dims) {
		along = ExpandAxes(along, -1)
	}
	return dual{a.value, Mul(BroadcastToDims(a.along, dims...), BroadcastToDims(along, dims...))}
}

// times multiplies the derivatives by a factor of the value's shape.
func (a dual) times(factor *Node) *Node {
	if a.along == nil {
		return nil
	}
	return Mul(a.along, BroadcastToShape(ExpandAxes(factor, 0), a.along.Shape()))
}

// denseOn multiplies the last axis of x by weights [in, out].
func denseOn(x, weights *Node) *Node {
	dims := append([]int(nil), x.Shape().Dimensions...)
	last := len(dims) - 1
	flat := DotProduct(Reshape(x, -1, dims[last]), weights)
	dims[last] = weights.Shape().Dimensions[1]
	return Reshape(flat, dims...)
}

// sumOf adds what is there of two nodes.
func sumOf(a, b *Node) *Node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return Add(a, b)
}

// repeat broadcasts x along a new axis of the given size. The axis is counted without the leading ones.
func repeat(axis, size int) func(x *Node, lead int) *Node {
	return func(x *Node, lead int) *Node {
		wide := ExpandAxes(x, axis+lead)
		dims := append([]int(nil), wide.Shape().Dimensions...)
		dims[axis+lead] = size
		return BroadcastToDims(wide, dims...)
	}
}

// sumAxis sums over an axis, counted without the leading ones, slice by slice.
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

// others lines every particle's values up with those of the particles that follow it, cyclically: [n, ...] becomes
// [n−1, n, ...] whose element [s, i] is that of particle i+s+1. It costs copies of slices, no gather.
func others(x *Node, lead int) *Node {
	n := x.Shape().Dimensions[lead]
	twice := Concatenate([]*Node{x, x}, lead)
	parts := make([]*Node, n-1)
	for s := range parts {
		parts[s] = ExpandAxes(SliceAxis(twice, lead, AxisRange(s+1, s+1+n)), lead)
	}
	return Concatenate(parts, lead)
}
