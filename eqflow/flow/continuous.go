package flow

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// Continuous is a continuous normalising flow: x(1) from z = x(0) by dx/dt = v(x, t), with the log-determinant
// ∫ div v dt solved along (Chen et al., arXiv:1806.07366). The inverse is the same solve with time run backwards.
type Continuous struct {
	Field  dynamics.Config
	Solver ode.Tableau // default RK4
	Steps  int         // of equal length; default 20
	// Chunks splits a batch inside the solve, which keeps it in cache. Zero chooses.
	Chunks int
	// Unrolled solves step by step in the graph even where the field could loop.
	Unrolled bool
}

// WithDefaults fills the zero fields in.
func (c Continuous) WithDefaults() Continuous {
	if c.Field == nil {
		c.Field = dynamics.RadialBasis{}
	}
	if c.Solver.Stages() == 0 {
		c.Solver = ode.RK4
	}
	if c.Steps == 0 {
		c.Steps = 20
	}
	return c
}

// Validate returns an error that names the first setting out of range.
func (c Continuous) Validate() error {
	c = c.WithDefaults()
	if c.Steps < 1 || c.Chunks < 0 {
		return fmt.Errorf("flow: %d steps in %d chunks; give at least 1 step, and 0 chunks to choose", c.Steps, c.Chunks)
	}
	if err := c.Solver.Validate(); err != nil {
		return err
	}
	return c.Field.Validate()
}

// Bind implements Config.
func (c Continuous) Bind(scope *model.Scope, g *Graph, system System) Bijection {
	c = c.WithDefaults()
	bound := &continuous{Continuous: c, system: system, field: c.Field.Bind(scope, g, system), training: scope.IsTraining(g)}
	if _, ok := bound.field.(dynamics.Probed); ok {
		return probed{bound}
	}
	return bound
}

type continuous struct {
	Continuous
	system   System
	field    dynamics.Field
	training bool
	probes   int // that the divergence is estimated from; 0 for the exact one
}

// Forward implements Bijection.
func (c *continuous) Forward(z *Node) Image { return c.solve(z, 0, 1) }

// Inverse implements Bijection.
func (c *continuous) Inverse(x *Node) Image { return c.solve(x, 1, 0) }

// At implements Partial.
func (c *continuous) At(t, x *Node) (v, div *Node) { return c.field.At(t, x) }

func (c *continuous) solve(x *Node, t0, t1 float64) Image {
	y := TransposeAllDims(x, 1, 2, 0) // the batch innermost, as the solves have it
	sol := c.integrate(y, t0, t1)
	return Image{X: TransposeAllDims(sol.Y, 2, 0, 1), LogDet: sol.Integral, Penalty: sol.Penalty}
}

func (c *continuous) integrate(y *Node, t0, t1 float64) ode.Solution {
	field, ok := c.field.(dynamics.Tabulated)
	if !ok {
		return c.plain(valueAndDivergence, y, t0, t1)
	}
	tables := make([][]*Node, c.Solver.Stages())
	for j := range tables {
		tables[j] = field.Tables(c.Solver.StageTimes(j, t0, t1, c.Steps))
	}
	if c.Unrolled || !ode.CanLoop(y.Graph()) {
		return c.unrolled(tableRate(field, tables), y, t0, t1)
	}
	loop := ode.Loop{
		Method: c.Solver, Steps: c.Steps, T0: t0, T1: t1, Rate: field.Linear(),
		Chunks: c.chunks(y), ValueOnly: !c.training,
	}
	return loop.Solve(tables, y)
}

// rate is a right-hand side made of a field: the derivative of states y [..., batch] at times t [batch], and the integrand.
type rate func(field dynamics.Field, t, y *Node) (k, l *Node)

// valueAndDivergence is the rate of configurations y [n, d, batch].
func valueAndDivergence(field dynamics.Field, t, y *Node) (k, l *Node) {
	v, div := field.At(t, TransposeAllDims(y, 2, 0, 1))
	return TransposeAllDims(v, 1, 2, 0), div
}

// plain solves with a field that is no more than a field: in a loop where there may be one.
func (c *continuous) plain(of rate, y *Node, t0, t1 float64) ode.Solution {
	if field, ok := c.field.(dynamics.Looped); ok && !c.training && !c.Unrolled && ode.CanLoop(y.Graph()) {
		return c.looped(field, of, y, t0, t1)
	}
	h, batch := (t1-t0)/float64(c.Steps), y.Shape().Dimensions[y.Rank()-1]
	return ode.Fixed(c.Solver, func(step, stage int, y *Node) (k, l *Node) {
		t := ConstAsDType(y.Graph(), y.DType(), t0+(float64(step)+c.Solver.C[stage])*h)
		return of(c.field, BroadcastToDims(t, batch), y)
	}, y, t0, t1, c.Steps)
}

// looped solves in one loop, without a gradient.
func (c *continuous) looped(field dynamics.Looped, of rate, y *Node, t0, t1 float64) ode.Solution {
	tables := make([][]*Node, c.Solver.Stages())
	for j := range tables {
		times := c.Solver.StageTimes(j, t0, t1, c.Steps)
		tables[j] = []*Node{ConstAsDType(y.Graph(), y.DType(), times)}
	}
	loop := ode.Loop{
		Method: c.Solver, Steps: c.Steps, T0: t0, T1: t1, Constants: field.Parameters(), ValueOnly: true,
		Chunks: c.chunks(y),
		Rate: func(rows []*Node, y *Node) (k, l *Node, _ func(gk, gl *Node) (*Node, []*Node)) {
			t := BroadcastToDims(rows[0], y.Shape().Dimensions[y.Rank()-1])
			k, l = of(field.With(rows[1:]), t, y)
			return k, l, nil
		},
	}
	return loop.Solve(tables, y)
}

// unrolled solves chunk by chunk, for the cache's sake and for that of sums in float32: the Go backend adds one after the
// other.
func (c *continuous) unrolled(rate ode.Rate, y *Node, t0, t1 float64) ode.Solution {
	batch, chunks := y.Shape().Dimensions[2], min(c.chunks(y), maxUnrolledChunks)
	if batch%chunks != 0 || y.Graph().NumDevices() > 1 { // whose parts of the batch chunks would cut across
		chunks = 1
	}
	ys, integrals, penalties := make([]*Node, chunks), make([]*Node, chunks), make([]*Node, chunks)
	for k := range chunks {
		part := SliceAxis(y, 2, AxisRange(k*batch/chunks, (k+1)*batch/chunks))
		sol := ode.Fixed(c.Solver, rate, part, t0, t1, c.Steps)
		ys[k], integrals[k], penalties[k] = sol.Y, sol.Integral, sol.Penalty
	}
	return ode.Solution{Y: Concatenate(ys, 2), Integral: Concatenate(integrals, 0), Penalty: Concatenate(penalties, 0)}
}

// maxUnrolledChunks bounds the size of unrolled graphs.
const maxUnrolledChunks = 8

// tableRate evaluates a tabulated field in an unrolled solve.
func tableRate(field dynamics.Tabulated, tables [][]*Node) ode.Rate {
	linear := field.Linear()
	return func(step, stage int, y *Node) (k, l *Node) {
		rows := make([]*Node, len(tables[stage]))
		for i, table := range tables[stage] {
			rows[i] = Reshape(SliceAxis(table, 0, AxisElem(step)), table.Shape().Dimensions[1:]...)
		}
		k, l, _ = linear(rows, y)
		return k, l
	}
}

// pairsInCache is how many pairs of a chunk are at hand at once: the RBFs of 768 pairs fill the second-level cache of
// common processors (measured on DW4 and LJ13).
const pairsInCache = 768

// numbersInCache bounds the widest array of a chunk where the field is solved in a loop (measured on DW4 and LJ13).
const numbersInCache = 1 << 20

// onDevice is how many times larger chunks are on a device with memory of its own, which small ones would leave idle: what
// fits its memory counts there, half a gigabyte for the widest array in float32.
const onDevice = 1 << 7

// chunks is the smallest divisor of the batch whose chunks are small enough.
func (c *continuous) chunks(y *Node) int {
	batch, each, most := y.Shape().Dimensions[y.Rank()-1], c.system.N*(c.system.N-1)/2, pairsInCache
	if wide, ok := c.Field.(dynamics.Wide); ok {
		each, most = wide.Widest(c.system.N, c.system.D, c.probes), numbersInCache
	}
	if !y.Graph().Backend().HasSharedBuffers() {
		most *= onDevice
	}
	devices := y.Graph().NumDevices()
	if c.Chunks > 0 && batch%(c.Chunks*devices) == 0 {
		return c.Chunks
	}
	for chunks := 1; chunks < batch; chunks++ {
		if batch%(chunks*devices) == 0 && batch/chunks*each <= most*devices {
			return chunks
		}
	}
	return batch / devices
}
