package ode

import (
	"math"
	"slices"

	. "github.com/gomlx/gomlx/core/graph"
)

// backwardState is the state of the backward loop. g names a cotangent.
type backwardState struct {
	index               *Node
	gy                  *Node   // [chunks, ...dims]
	gTables             []*Node // like the tables
	gIntegral, gPenalty *Node   // [chunks, batch], constant throughout the loop like the next two
	stages              *Node   // [chunks*steps, stages, ...dims]
	tables              []*Node
}

func (s backwardState) flat() []*Node {
	return slices.Concat([]*Node{s.index, s.gy}, s.gTables, []*Node{s.gIntegral, s.gPenalty, s.stages}, s.tables)
}

// backwardState is the inverse of flat.
func (r *loopRun) backwardState(flat []*Node) backwardState {
	count := len(r.flatTables())
	rest := flat[2+count:]
	return backwardState{
		index: flat[0], gy: flat[1], gTables: flat[2 : 2+count],
		gIntegral: rest[0], gPenalty: rest[1], stages: rest[2], tables: rest[3:],
	}
}

// backward turns the cotangents of forward's outputs into those of inputs.
func (r *loopRun) backward(cotangents []*Node) []*Node {
	g := r.y.Graph()
	state := backwardState{
		index: Const(g, int32(r.Chunks*r.Steps-1)), gy: cotangents[0],
		gIntegral: cotangents[1], gPenalty: cotangents[2], stages: r.stages,
	}
	for _, t := range r.flatTables() {
		state.gTables = append(state.gTables, ZerosLike(t))
	}
	state.tables = stopAll(r.flatTables())
	more := func(g *Graph, index *Node) *Node { return GreaterOrEqual(index, Const(g, int32(0))) }
	end := r.backwardState(loop(state.flat(), more, r.backwardStep))
	return append([]*Node{end.gy}, end.gTables...)
}

// backwardStep goes back over one step of one chunk.
func (r *loopRun) backwardStep(flat []*Node) []*Node {
	s := r.backwardState(flat)
	at := r.position(s.index)
	gy, gRows := r.pullStep(r.rows(s.tables, at.step), row(s.stages, at.index),
		row(s.gy, at.chunk), row(s.gIntegral, at.chunk), row(s.gPenalty, at.chunk))
	s.index, s.gy = Sub(s.index, Const(s.index.Graph(), int32(1))), setRow(s.gy, gy, at.chunk)
	gTables := make([]*Node, len(gRows))
	for k, gRow := range gRows {
		gTables[k] = setRow(s.gTables[k], Add(row(s.gTables[k], at.step), gRow), at.step)
	}
	s.gTables = gTables
	return s.flat()
}

// pullStep is the adjoint of one Runge–Kutta step: it turns the cotangent gy of the end of the step
// into that of its start. It also returns the cotangents of the tables' rows, stage by stage.
func (r *loopRun) pullStep(rows [][]*Node, ys, gy, gIntegral, gPenalty *Node) (*Node, []*Node) {
	n, h := r.Method.Stages(), r.h()
	ks, ls := make([]*Node, n), make([]*Node, n)
	pullbacks := make([]func(gk, gl *Node) (*Node, []*Node), n)
	for j := range n {
		y := Reshape(SliceAxis(ys, 0, AxisRange(j, j+1)), r.dims...)
		ks[j], ls[j], pullbacks[j] = r.Rate(rows[j], y)
	}
	gks, gls := make([]*Node, n), make([]*Node, n)
	for j := range n {
		gks[j], gls[j] = scale(gy, h*r.Method.B[j]), scale(gIntegral, h*r.Method.B[j])
	}
	if r.Method.HasTwins() {
		p, q := r.Method.Twins[0], r.Method.Twins[1]
		weight := scale(gPenalty, math.Abs(h))
		dk := Sub(ks[p], ks[q])
		gk := Mul(dk, alongBatch(Div(weight, norm(dk)), dk))
		gl := Mul(weight, Sign(Sub(ls[p], ls[q])))
		gks[p], gks[q] = Add(gks[p], gk), Sub(gks[q], gk)
		gls[p], gls[q] = Add(gls[p], gl), Sub(gls[q], gl)
	}
	gRows := make([][]*Node, n)
	for j := n - 1; j >= 0; j-- {
		var gStage *Node
		gStage, gRows[j] = pullbacks[j](gks[j], gls[j])
		gy = Add(gy, gStage)
		for m, a := range r.Method.A[j] {
			if a != 0 {
				gks[m] = Add(gks[m], scale(gStage, h*a))
			}
		}
	}
	return gy, slices.Concat(gRows...)
}

// alongBatch broadcasts w [batch] to the shape of like [..., batch].
func alongBatch(w, like *Node) *Node {
	return BroadcastToShape(ExpandLeftToRank(w, like.Rank()), like.Shape())
}
