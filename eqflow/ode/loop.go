package ode

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
)

// PullbackRate is a right-hand side with a hand-written derivative, so that the gradient of a solve
// needs no graph per step.
//
// It receives the rows of tables for one time; the tables are made before the loop. It may use only
// operations that XLA accepts inside the closure of a loop: Dot instead of reductions, and
// constants made in the closure.
//
// y is [..., batch]; k has the shape of y, and l is [batch]. pullback turns the cotangents of k and
// l into those of y and of each row.
type PullbackRate func(rows []*Node, y *Node) (k, l *Node, pullback func(gk, gl *Node) (gy *Node, gRows []*Node))

// Loop is a solve in equal steps as While loops, whose graph does not grow with the steps. Its
// gradient is the exact adjoint of the discrete solve: a second loop, which stores only the states
// of the stages and computes everything else again.
type Loop struct {
	Method Tableau
	Steps  int
	T0, T1 float64
	Rate   PullbackRate
	// Constants are given to Rate at every step, after the rows, because a closure cannot use nodes
	// from outside. The solve is not differentiated with respect to them, so they need ValueOnly.
	Constants []*Node
	// Chunks splits the batch so that the inner arrays stay in cache. It must divide the batch; 0
	// means 1.
	Chunks int
	// ValueOnly stores no states of the stages; the solve then has no gradient.
	ValueOnly bool
}

// CanLoop reports whether the graph's backend has the operations of a Loop. The test is for slices
// at computed positions: go-xla has While without listing it among its capabilities, and the Go
// backend has While without such slices.
func CanLoop(g *Graph) bool {
	ops := g.Backend().Capabilities().Operations
	return ops[compute.OpTypeDynamicSlice] && ops[compute.OpTypeDynamicUpdateSlice]
}

// Solve integrates y [..., batch]. tables[j] are the tables of stage j, each [steps, ...].
//
// The result is differentiable with respect to y and every table.
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
	// GoMLX has custom gradients only for the identity, so the identity of (inputs, zeros) carries
	// both sides: its zeros receive the cotangents of the outputs, and its inputs receive the
	// result of the pullback.
	carrier := Concatenate([]*Node{inputs, ZerosLike(primal)}, 0)
	split := inputs.Shape().Dimensions[0]
	identity := IdentityWithCustomGradient(carrier, func(_, v *Node) *Node {
		cotangents := splitLike(SliceAxis(v, 0, AxisRange(split)), out)
		return Concatenate([]*Node{concat(run.backward(cotangents)), ZerosLike(primal)}, 0)
	})
	parts := splitLike(Add(SliceAxis(identity, 0, AxisRange(split)), StopGradient(primal)), out)
	return run.solution(parts)
}

// loopRun is one Solve: its shapes, the start in chunks, and the states of the stages, which the
// backward loop reads.
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

func (r *loopRun) h() float64 { return (r.T1 - r.T0) / float64(r.Steps) }

func (r *loopRun) dtype() dtypes.DType { return r.y.DType() }

func (r *loopRun) batch() int { return r.dims[len(r.dims)-1] }

// inputs are the nodes that the solve is differentiated with respect to: the start, then the tables
// stage by stage.
func (r *loopRun) inputs() []*Node { return append([]*Node{r.y}, r.flatTables()...) }

func (r *loopRun) flatTables() []*Node { return slices.Concat(r.tables...) }

// solution joins the chunks of forward's outputs.
func (r *loopRun) solution(out []*Node) Solution {
	return Solution{Y: fromChunks(out[0]), Integral: fromChunks(out[1]), Penalty: fromChunks(out[2])}
}

// position is the place of a loop's running index: its chunk and its step.
type position struct{ index, chunk, step *Node }

func (r *loopRun) position(index *Node) position {
	steps := Const(index.Graph(), int32(r.Steps))
	chunk := Div(index, steps)
	return position{index, chunk, Sub(index, Mul(chunk, steps))}
}

// rows returns the row of every table at a step, by stage.
func (r *loopRun) rows(tables []*Node, step *Node) [][]*Node {
	rows := make([][]*Node, len(r.tables))
	for j, stage := range r.tables {
		for range stage {
			rows[j] = append(rows[j], row(tables[0], step))
			tables = tables[1:]
		}
	}
	return rows
}

// forwardState is the state of the forward loop.
type forwardState struct {
	index               *Node
	y, integral         *Node   // [chunks, ...dims] and [chunks, batch], like the next three
	penalty             *Node   // see Solution
	lostY, lostIntegral *Node   // lost to rounding, see Solution
	tables, constants   []*Node // constant throughout the loop
	stages              []*Node // [chunks*steps, stages, ...dims]; empty for ValueOnly
}

func (s forwardState) flat() []*Node {
	first := []*Node{s.index, s.y, s.integral, s.penalty, s.lostY, s.lostIntegral}
	return slices.Concat(first, s.tables, s.constants, s.stages)
}

// forwardState is the inverse of flat.
func (r *loopRun) forwardState(flat []*Node) forwardState {
	tables, constants := 6+len(r.flatTables()), 6+len(r.flatTables())+len(r.Constants)
	return forwardState{
		index: flat[0], y: flat[1], integral: flat[2], penalty: flat[3], lostY: flat[4], lostIntegral: flat[5],
		tables: flat[6:tables], constants: flat[tables:constants], stages: flat[constants:],
	}
}

// forward runs the solve and stores the states of the stages. It returns y [chunks, ...dims], and
// integral and penalty [chunks, batch].
func (r *loopRun) forward() []*Node {
	g := r.y.Graph()
	zero := zeros(g, r.dtype(), r.Chunks, r.batch())
	state := forwardState{
		index: Const(g, int32(0)), y: StopGradient(r.y), integral: zero, penalty: zero, lostY: ZerosLike(r.y),
		lostIntegral: zero, tables: stopAll(r.flatTables()), constants: stopAll(r.Constants),
	}
	if !r.ValueOnly {
		dims := append([]int{r.Chunks * r.Steps, r.Method.Stages()}, r.dims...)
		state.stages = []*Node{zeros(g, r.dtype(), dims...)}
	}
	last := int32(r.Chunks * r.Steps)
	more := func(g *Graph, index *Node) *Node { return LessThan(index, Const(g, last)) }
	end := r.forwardState(loop(state.flat(), more, r.forwardStep))
	if !r.ValueOnly {
		r.stages = end.stages[0]
	}
	return []*Node{end.y, end.integral, end.penalty}
}

// forwardStep makes one step of one chunk.
func (r *loopRun) forwardStep(flat []*Node) []*Node {
	s := r.forwardState(flat)
	at := r.position(s.index)
	rows := r.rows(s.tables, at.step)
	sol := Solution{
		Y: row(s.y, at.chunk), Integral: row(s.integral, at.chunk), Penalty: row(s.penalty, at.chunk),
		lostY: row(s.lostY, at.chunk), lostIntegral: row(s.lostIntegral, at.chunk),
	}
	n := r.Method.Stages()
	ys, ks, ls := make([]*Node, n), make([]*Node, n), make([]*Node, n)
	for j := range n {
		y := combine(sol.Y, r.h(), r.Method.A[j], ks)
		ks[j], ls[j], _ = r.Rate(append(rows[j], s.constants...), y)
		ys[j] = ExpandAxes(y, 0)
	}
	sol = sol.advance(r.Method, r.h(), ks, ls)
	next := forwardState{
		index: Add(s.index, Const(s.index.Graph(), int32(1))),
		y:     setRow(s.y, sol.Y, at.chunk), integral: setRow(s.integral, sol.Integral, at.chunk),
		penalty: setRow(s.penalty, sol.Penalty, at.chunk), lostY: setRow(s.lostY, sol.lostY, at.chunk),
		lostIntegral: setRow(s.lostIntegral, sol.lostIntegral, at.chunk),
		tables:       s.tables, constants: s.constants,
	}
	if !r.ValueOnly {
		next.stages = []*Node{setRow(s.stages[0], Concatenate(ys, 0), at.index)}
	}
	return next.flat()
}

// loop is a While loop. The first element of its state is the running index.
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
