package ode

import . "github.com/gomlx/gomlx/core/graph"

func chunkDims(y *Node, chunks int) []int {
	dims := append([]int(nil), y.Shape().Dimensions...)
	dims[len(dims)-1] /= chunks
	return dims
}

// toChunks turns [..., batch] into [chunks, ..., batch/chunks].
func toChunks(y *Node, chunks int) *Node {
	if chunks == 1 {
		return ExpandAxes(y, 0)
	}
	dims := chunkDims(y, chunks)
	rank := len(dims)
	devices := y.Graph().NumDevices()
	if devices == 1 {
		split := Reshape(y, append(dims[:rank-1:rank-1], chunks, dims[rank-1])...)
		return TransposeAllAxes(split, chunksFirst(rank-1)...)
	}
	// Each device splits its own part of the batch, so that no configuration moves between devices.
	split := Reshape(y, append(dims[:rank-1:rank-1], devices, chunks, dims[rank-1]/devices)...)
	return Reshape(TransposeAllAxes(split, chunksFirst(rank)...), append([]int{chunks}, dims...)...)
}

// chunksFirst is a permutation of axes 0 … place+1 that moves the axis at the given place to the
// front.
func chunksFirst(place int) []int {
	return append(append([]int{place}, integers(place)...), place+1)
}

// fromChunks is the inverse of toChunks.
func fromChunks(y *Node) *Node {
	dims := y.Shape().Dimensions
	rank := len(dims)
	if dims[0] == 1 {
		return Reshape(y, dims[1:]...)
	}
	joined := append([]int(nil), dims[1:]...)
	joined[rank-2] *= dims[0]
	if devices := y.Graph().NumDevices(); devices > 1 {
		y = Reshape(y, append(dims[:rank-1:rank-1], devices, dims[rank-1]/devices)...)
		rank++
	}
	order := append(integers(rank)[1:rank-1], 0, rank-1)
	return Reshape(TransposeAllAxes(y, order...), joined...)
}

// integers returns 0 … n−1.
func integers(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// row returns t[i] of a table t [rows, ...].
func row(t, i *Node) *Node {
	dims := append([]int(nil), t.Shape().Dimensions...)
	dims[0] = 1
	return Reshape(DynamicSlice(t, startAt(i, t.Rank()), dims), dims[1:]...)
}

// setRow returns t with value in place of t[i].
func setRow(t, value, i *Node) *Node {
	return DynamicUpdateSlice(t, ExpandAxes(value, 0), startAt(i, t.Rank()))
}

func startAt(i *Node, rank int) []*Node {
	start := make([]*Node, rank)
	for k := range start {
		start[k] = Const(i.Graph(), int32(0))
	}
	start[0] = i
	return start
}

// concat joins the values of all nodes into one vector.
func concat(nodes []*Node) *Node {
	flat := make([]*Node, len(nodes))
	for k, n := range nodes {
		flat[k] = Reshape(n, -1)
	}
	return Concatenate(flat, 0)
}

// splitLike splits a vector into nodes with the shapes of the given nodes.
func splitLike(flat *Node, like []*Node) []*Node {
	out := make([]*Node, len(like))
	from := 0
	for k, n := range like {
		to := from + n.Shape().Size()
		out[k] = Reshape(SliceAxis(flat, 0, AxisRange(from, to)), n.Shape().Dimensions...)
		from = to
	}
	return out
}
