package dynamics

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// The edge [s, i] of particles i and i+s+1, cyclically, is the same pair as the edge
// [n−2−s, i+s+1]. A list of pairs has one of the two: the edges of the first ⌊(n−1)/2⌋ shifts s,
// and for even n half of the middle shift, whose edges are each other's mirror image.

// pairsOf takes values on edges [n−1, n, ...], equal in both directions, to pairs [n(n−1)/2, ...].
func pairsOf(x *Node, lead int) *Node {
	dims := x.Shape().Dimensions
	n := dims[lead+1]
	flat := append(append(append([]int(nil), dims[:lead]...), (n-1)*n), dims[lead+2:]...)
	return SliceAxis(Reshape(x, flat...), lead, AxisRange(0, n*(n-1)/2))
}

// overPairs sums values on pairs [n(n−1)/2, ...] over the pairs of each particle: [n, ...].
func overPairs(n int) func(x *Node, lead int) *Node {
	return func(x *Node, lead int) *Node {
		var sum *Node
		for s := range n - 1 {
			sum = sumOf(sum, shiftOf(x, lead, n, s))
		}
		return sum
	}
}

// onEdges takes values on pairs [n(n−1)/2, ...] to both directions [n−1, n, ...].
func onEdges(n int) func(x *Node, lead int) *Node {
	return func(x *Node, lead int) *Node {
		shifts := make([]*Node, n-1)
		for s := range shifts {
			shifts[s] = ExpandAxes(shiftOf(x, lead, n, s), lead)
		}
		return Concatenate(shifts, lead)
	}
}

// shiftOf returns the values on the edges of shift s [n, ...], given the values on pairs.
func shiftOf(x *Node, lead, n, s int) *Node {
	rows := func(from, to int) *Node { return SliceAxis(x, lead, AxisRange(from, to)) }
	mirror := n - 2 - s
	switch {
	case s < mirror:
		return rows(s*n, (s+1)*n)
	case s == mirror:
		half := rows(s*n, s*n+n/2)
		return Concatenate([]*Node{half, half}, lead)
	default: // particle i's pair is listed under its partner i+s+1 in the mirror shift
		at := s + 1
		return Concatenate([]*Node{rows(mirror*n+at, (mirror+1)*n), rows(mirror*n, mirror*n+at)}, lead)
	}
}
