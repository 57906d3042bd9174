package ode

import (
	"fmt"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// Linear is a right-hand side whose derivative is written by hand, so that a solve needs no graph
// per step.
//
// It is given the rows, for one time, of tables that were made before the loop, and must use only
// operations that XLA accepts inside a loop's closure: Dot rather than reductions, constants made
// on the spot.
//
// y is [..., batch]; k is shaped like y and l is [batch]. pullback turns their cotangents into
// those of y and of each row.
type Linear func(rows []*Node, y *Node) (k, l *Node, pullback func(gk, gl *Node) (gy *Node, gRows []*Node))

// Loop is a fixed-step solve as While loops: its graph does not grow with the steps, and its
// gradient is the exact adjoint of the discrete solve, in a second loop that stores the stages'
// states alone and computes the rest again.
type Loop struct {
	Method Tableau
	Steps  int
	T0, T1 float64
	Rate   Linear
	// Constants are handed to Rate at every step, after the rows: a closure takes no node from
	// outside. The solve is not differentiated by them, so they go with ValueOnly.
	Constants []*Node
	// Chunks splits the batch, so that the inner arrays stay in cache; it must divide the batch.
	// Zero means one.
	Chunks int
	// ValueOnly leaves out what the gradient needs: the stages' states are not kept.
	ValueOnly bool
}

// CanLoop tells whether the graph's backend has what a Loop needs. The slices at computed places
// decide: go-xla has While without listing it among its capabilities, the Go backend has While
// without such slices.
func CanLoop(g *Graph) bool {
	ops := g.Backend().Capabilities().Operations
	return ops[compute.OpTypeDynamicSlice] && ops[compute.OpTypeDynamicUpdateSlice]
}

// Solve integrates y [..., batch]. tables[j] are the tables of stage j, each [steps, ...].
//
// The result is differentiable by y and by every table.
func (s Loop) Solve(tables [][]*Node, y *Node) Solution {
	if len(s.Constants) > 0 && !s.ValueOnly {
		panic(fmt.Errorf("ode: a loop with constants has no gradient; set ValueOnly, or solve with Fixed"))
	}
	run := newLoopRun(s, tables, y)
	out := run.forward()
	if s.ValueOnly {
		return run.solution(out)
	}
	primal, inputs := concat(out), concat(run.inputs())
	// GoMLX has a custom gradient for the identity only. The identity on (inputs, zeros) gives room
	// for both sides: the zeros take the outputs' cotangents, and the pullback's answer is handed
	// to the inputs.
	room := Concatenate([]*Node{inputs, ZerosLike(primal)}, 0)
	split := inputs.Shape().Dimensions[0]
	hooked := IdentityWithCustomGradient(room, func(_, v *Node) *Node {
		cotangents := splitLike(SliceAxis(v, 0, AxisRange(split)), out)
		return Concatenate([]*Node{concat(run.backward(cotangents)), ZerosLike(primal)}, 0)
	})
	parts := splitLike(Add(SliceAxis(hooked, 0, AxisRange(split)), StopGradient(primal)), out)
	return run.solution(parts)
}

// loopRun is one Solve: shapes, the start in chunks, and the stages' states between the two loops.
type loopRun struct {
	Loop
	tables [][]*Node
	y      *Node // [chunks, ..., batch/chunks]
	dims   []int // of one chunk's state
	stages *Node // [chunks*steps, stages, ...dims]
}

func newLoopRun(s Loop, tables [][]*Node, y *Node) *loopRun {
	s.Chunks = max(s.Chunks, 1)
	return &loopRun{Loop: s, tables: tables, y: toChunks(y, s.Chunks), dims: chunkDims(y, s.Chunks)}
}

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
		return TransposeAllAxes(Reshape(y, append(dims[:rank-1:rank-1], chunks, dims[rank-1])...), chunksFirst(rank-1)...)
	}
	// Each device cuts its own part of the batch, and no configuration travels.
	split := Reshape(y, append(dims[:rank-1:rank-1], devices, chunks, dims[rank-1]/devices)...)
	return Reshape(TransposeAllAxes(split, chunksFirst(rank)...), append([]int{chunks}, dims...)...)
}

// chunksFirst is the order of axes that brings the one at the given place to the front, with one
// more axis behind it.
func chunksFirst(place int) []int {
	return append(append([]int{place}, seq(place)...), place+1)
}

// fromChunks is the inverse of toChunks.
func fromChunks(y *Node) *Node {
	dims := y.Shape().Dimensions
	rank := len(dims)
	if dims[0] == 1 {
		return Reshape(y, dims[1:]...)
	}
	whole := append([]int(nil), dims[1:]...)
	whole[rank-2] *= dims[0]
	if devices := y.Graph().NumDevices(); devices > 1 {
		y = Reshape(y, append(dims[:rank-1:rank-1], devices, dims[rank-1]/devices)...)
		rank++
	}
	order := append(seq(rank)[1:rank-1], 0, rank-1)
	return Reshape(TransposeAllAxes(y, order...), whole...)
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (r *loopRun) h() float64 { return (r.T1 - r.T0) / float64(r.Steps) }

func (r *loopRun) dtype() dtypes.DType { return r.y.DType() }

func (r *loopRun) batch() int { return r.dims[len(r.dims)-1] }

// inputs are what the solve is differentiated by: the start, then the tables stage by stage.
func (r *loopRun) inputs() []*Node { return append([]*Node{r.y}, r.flatTables()...) }

func (r *loopRun) flatTables() []*Node {
	var all []*Node
	for _, stage := range r.tables {
		all = append(all, stage...)
	}
	return all
}

// solution puts the chunks together again.
func (r *loopRun) solution(out []*Node) Solution {
	return Solution{Y: fromChunks(out[0]), Integral: fromChunks(out[1]), Penalty: fromChunks(out[2])}
}

// where is the loop's place: the chunk and the step of its running index.
type where struct{ index, chunk, step *Node }

func (r *loopRun) where(index *Node) where {
	steps := Const(index.Graph(), int32(r.Steps))
	chunk := Div(index, steps)
	return where{index, chunk, Sub(index, Mul(chunk, steps))}
}

// rows takes every table's row of this step, by stage.
func (r *loopRun) rows(tables []*Node, step *Node) [][]*Node {
	rows := make([][]*Node, len(r.tables))
	k := 0
	for j, stage := range r.tables {
		for range stage {
			rows[j] = append(rows[j], row(tables[k], step))
			k++
		}
	}
	return rows
}

// forward runs the solve and keeps the stages' states. It returns y [chunks, ...dims], integral and
// penalty [chunks, batch].
func (r *loopRun) forward() []*Node {
	g := r.y.Graph()
	flat := r.flatTables()
	zero := zeros(g, r.dtype(), r.Chunks, r.batch())
	state := append([]*Node{Const(g, int32(0)), StopGradient(r.y), zero, zero, ZerosLike(r.y), zero}, stopAll(flat)...)
	state = append(state, stopAll(r.Constants)...)
	if !r.ValueOnly {
		state = append(state, zeros(g, r.dtype(), append([]int{r.Chunks * r.Steps, r.Method.Stages()}, r.dims...)...))
	}
	last := int32(r.Chunks * r.Steps)
	out := loop(state, func(g *Graph, index *Node) *Node { return LessThan(index, Const(g, last)) }, r.forwardStep)
	if !r.ValueOnly {
		r.stages = out[len(out)-1]
	}
	return out[1:4]
}

func (r *loopRun) forwardStep(s []*Node) []*Node {
	count := len(r.flatTables())
	at, tables, constants := r.where(s[0]), s[6:6+count], s[6+count:6+count+len(r.Constants)]
	rows := r.rows(tables, at.step)
	sol := Solution{
		Y: row(s[1], at.chunk), Integral: row(s[2], at.chunk), Penalty: row(s[3], at.chunk),
		lostY: row(s[4], at.chunk), lostIntegral: row(s[5], at.chunk),
	}
	n := r.Method.Stages()
	ys, ks, ls := make([]*Node, n), make([]*Node, n), make([]*Node, n)
	for j := range n {
		y := combine(sol.Y, r.h(), r.Method.A[j], ks)
		ks[j], ls[j], _ = r.Rate(append(rows[j], constants...), y)
		ys[j] = ExpandAxes(y, 0)
	}
	sol = sol.advance(r.Method, r.h(), ks, ls)
	next := []*Node{
		Add(s[0], Const(s[0].Graph(), int32(1))),
		setRow(s[1], sol.Y, at.chunk), setRow(s[2], sol.Integral, at.chunk), setRow(s[3], sol.Penalty, at.chunk),
		setRow(s[4], sol.lostY, at.chunk), setRow(s[5], sol.lostIntegral, at.chunk),
	}
	next = append(append(next, tables...), constants...)
	if !r.ValueOnly {
		next = append(next, setRow(s[len(s)-1], Concatenate(ys, 0), at.index))
	}
	return next
}

// backward turns the cotangents of forward's outputs into those of inputs.
func (r *loopRun) backward(cotangents []*Node) []*Node {
	g := r.y.Graph()
	flat := r.flatTables()
	state := []*Node{Const(g, int32(r.Chunks*r.Steps-1)), cotangents[0]}
	for _, t := range flat {
		state = append(state, ZerosLike(t))
	}
	state = append(state, cotangents[1], cotangents[2], r.stages)
	state = append(state, stopAll(flat)...)
	out := loop(state, func(g *Graph, index *Node) *Node { return GreaterOrEqual(index, Const(g, int32(0))) }, r.backwardStep)
	return out[1 : 2+len(flat)]
}

func (r *loopRun) backwardStep(s []*Node) []*Node {
	count := len(r.flatTables())
	grads, rest := s[2:2+count], s[2+count:]
	gIntegral, gPenalty, stages, tables := rest[0], rest[1], rest[2], rest[3:]
	at := r.where(s[0])
	gy, gRows := r.pullStep(r.rows(tables, at.step), row(stages, at.index),
		row(s[1], at.chunk), row(gIntegral, at.chunk), row(gPenalty, at.chunk))
	next := []*Node{Sub(s[0], Const(s[0].Graph(), int32(1))), setRow(s[1], gy, at.chunk)}
	for k, gRow := range gRows {
		next = append(next, setRow(grads[k], Add(row(grads[k], at.step), gRow), at.step))
	}
	return append(next, rest...)
}

// pullStep is the adjoint of one Runge–Kutta step: gy arrives as the cotangent of the step's end
// and leaves as that of its start; gRows are the cotangents of the tables' rows, stage by stage.
func (r *loopRun) pullStep(rows [][]*Node, ys, gy, gIntegral, gPenalty *Node) (*Node, []*Node) {
	n, h := r.Method.Stages(), r.h()
	ks, ls := make([]*Node, n), make([]*Node, n)
	pulls := make([]func(gk, gl *Node) (*Node, []*Node), n)
	for j := range n {
		y := Reshape(SliceAxis(ys, 0, AxisRange(j, j+1)), r.dims...)
		ks[j], ls[j], pulls[j] = r.Rate(rows[j], y)
	}
	gks, gls := make([]*Node, n), make([]*Node, n)
	for j := range n {
		gks[j], gls[j] = scale(gy, h*r.Method.B[j]), scale(gIntegral, h*r.Method.B[j])
	}
	if r.Method.HasTwins() {
		p, q := r.Method.Twins[0], r.Method.Twins[1]
		weight := scale(gPenalty, abs(h))
		dk := Sub(ks[p], ks[q])
		gk := Mul(dk, alongBatch(Div(weight, norm(dk)), dk))
		gl := Mul(weight, Sign(Sub(ls[p], ls[q])))
		gks[p], gks[q] = Add(gks[p], gk), Sub(gks[q], gk)
		gls[p], gls[q] = Add(gls[p], gl), Sub(gls[q], gl)
	}
	perStage := make([][]*Node, n)
	for j := n - 1; j >= 0; j-- {
		var gStage *Node
		gStage, perStage[j] = pulls[j](gks[j], gls[j])
		gy = Add(gy, gStage)
		for m, a := range r.Method.A[j] {
			if a != 0 {
				gks[m] = Add(gks[m], scale(gStage, h*a))
			}
		}
	}
	var gRows []*Node
	for _, stage := range perStage {
		gRows = append(gRows, stage...)
	}
	return gy, gRows
}

// alongBatch broadcasts w [batch] over like [..., batch].
func alongBatch(w, like *Node) *Node {
	return BroadcastToShape(ExpandLeftToRank(w, like.Rank()), like.Shape())
}

// loop is a While whose first state value is the running index.
func loop(state []*Node, more func(g *Graph, index *Node) *Node, body func(s []*Node) []*Node) []*Node {
	g := state[0].Graph()
	parameters := func(g *Graph) []*Node {
		ps := make([]*Node, len(state))
		for k, s := range state {
			ps[k] = Parameter(g, "s"+string(rune('A'+k%26))+string(rune('a'+k/26)), s.Shape())
		}
		return ps
	}
	condition := NewClosure(g, func(g *Graph) []*Node { return []*Node{more(g, parameters(g)[0])} })
	step := NewClosure(g, func(g *Graph) []*Node { return body(parameters(g)) })
	return While(condition, step, state...)
}

// row takes t[i] of a table t [rows, ...].
func row(t, i *Node) *Node {
	dims := append([]int(nil), t.Shape().Dimensions...)
	dims[0] = 1
	return Reshape(DynamicSlice(t, startAt(i, t.Rank()), dims), dims[1:]...)
}

// setRow returns t with t[i] replaced.
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

func zeros(g *Graph, dtype dtypes.DType, dims ...int) *Node {
	return Zeros(g, shapes.Make(dtype, dims...))
}

func stopAll(nodes []*Node) []*Node {
	out := make([]*Node, len(nodes))
	for k, n := range nodes {
		out[k] = StopGradient(n)
	}
	return out
}

// concat joins the values of all nodes into one vector.
func concat(nodes []*Node) *Node {
	flat := make([]*Node, len(nodes))
	for k, n := range nodes {
		flat[k] = Reshape(n, -1)
	}
	return Concatenate(flat, 0)
}

// splitLike cuts a vector into nodes shaped like the given ones.
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
