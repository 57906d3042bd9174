package flow

import (
	"cmp"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/ode"
)

// Continuous is a continuous normalising flow. It maps z = x(0) to x(1) by dx/dt = v(x, t), and
// solves the log-determinant ∫ div v dt along with it (Chen et al., arXiv:1806.07366). The inverse
// is the same solve with time run backwards.
type Continuous struct {
	Field  dynamics.Config // default dynamics.RadialBasis
	Solver ode.Tableau     // default RK4
	Steps  int             // of equal length; default 20
	// Chunks is the number of parts in which a batch is solved, so that each part fits the cache.
	// Zero chooses a number.
	Chunks int
	// Unrolled builds the solve step by step in the graph, even where the field could be solved in
	// a loop.
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
	c.Steps = cmp.Or(c.Steps, 20)
	return c
}

// Validate returns an error that names the first setting out of range.
func (c Continuous) Validate() error {
	c = c.WithDefaults()
	if c.Steps < 1 || c.Chunks < 0 {
		return fmt.Errorf("flow: the continuous flow has %d steps in %d chunks; "+
			"give at least 1 step, and 0 chunks to choose", c.Steps, c.Chunks)
	}
	if err := c.Solver.Validate(); err != nil {
		return err
	}
	return c.Field.Validate()
}

// Bind implements Config.
func (c Continuous) Bind(scope *model.Scope, g *Graph, system System) Bijection {
	c = c.WithDefaults()
	field, training := c.Field.Bind(scope, g, system), scope.IsTraining(g)
	bound := &continuous{Continuous: c, system: system, field: field, training: training}
	if _, ok := bound.field.(dynamics.Probed); ok {
		return probed{bound}
	}
	return bound
}

type continuous struct {
	Continuous
	system   System
	field    dynamics.Field
	training bool // a gradient is needed
	probes   int  // probes that estimate the divergence; 0 for the exact divergence
}

// Forward implements Bijection.
func (c *continuous) Forward(z *Node) Image { return c.solve(z, 0, 1) }

// Inverse implements Bijection.
func (c *continuous) Inverse(x *Node) Image { return c.solve(x, 1, 0) }

// At implements Partial.
func (c *continuous) At(t, x *Node) (v, div *Node) { return c.field.At(t, x) }

func (c *continuous) solve(x *Node, t0, t1 float64) Image {
	y := TransposeAllDims(x, 1, 2, 0) // solves have the batch innermost
	var sol ode.Solution
	if field, ok := c.field.(dynamics.Tabulated); ok {
		sol = c.solveTabulated(field, y, t0, t1)
	} else {
		sol = c.solveField(valueAndDivergence, y, t0, t1)
	}
	return Image{X: TransposeAllDims(sol.Y, 2, 0, 1), LogDet: sol.Integral, Penalty: sol.Penalty}
}

// solveTabulated solves a field from its tables, in a loop where the backend has loops.
func (c *continuous) solveTabulated(field dynamics.Tabulated, y *Node, t0, t1 float64) ode.Solution {
	tables := make([][]*Node, c.Solver.Stages())
	for j := range tables {
		tables[j] = field.Tables(c.Solver.StageTimes(j, t0, t1, c.Steps))
	}
	if c.Unrolled || !ode.CanLoop(y.Graph()) {
		return c.solveUnrolled(tableRate(field, tables), y, t0, t1)
	}
	loop := ode.Loop{
		Method: c.Solver, Steps: c.Steps, T0: t0, T1: t1, Rate: field.Linear(),
		Chunks: c.chunks(y), ValueOnly: !c.training,
	}
	return loop.Solve(tables, y)
}

// rate is the right-hand side that a field gives for states y [..., batch] at times t [batch]: the
// states' derivative, and the integrand.
type rate func(field dynamics.Field, t, y *Node) (derivative, integrand *Node)

// valueAndDivergence is the rate for configurations y [n, d, batch]: velocity and divergence.
func valueAndDivergence(field dynamics.Field, t, y *Node) (derivative, integrand *Node) {
	v, div := field.At(t, TransposeAllDims(y, 2, 0, 1))
	return TransposeAllDims(v, 1, 2, 0), div
}

// solveField solves a field without tables. It uses a loop if the field can be looped and no
// gradient is needed.
func (c *continuous) solveField(of rate, y *Node, t0, t1 float64) ode.Solution {
	if field, ok := c.field.(dynamics.Looped); ok && !c.training && !c.Unrolled && ode.CanLoop(y.Graph()) {
		return c.solveLooped(field, of, y, t0, t1)
	}
	h, batch := (t1-t0)/float64(c.Steps), y.Shape().Dimensions[y.Rank()-1]
	return ode.Fixed(c.Solver, func(step, stage int, y *Node) (derivative, integrand *Node) {
		t := ConstAsDType(y.Graph(), y.DType(), t0+(float64(step)+c.Solver.C[stage])*h)
		return of(c.field, BroadcastToDims(t, batch), y)
	}, y, t0, t1, c.Steps)
}

// solveLooped solves a field in a loop, without a gradient.
func (c *continuous) solveLooped(field dynamics.Looped, of rate, y *Node, t0, t1 float64) ode.Solution {
	tables := make([][]*Node, c.Solver.Stages())
	for j := range tables {
		times := c.Solver.StageTimes(j, t0, t1, c.Steps)
		tables[j] = []*Node{ConstAsDType(y.Graph(), y.DType(), times)}
	}
	loop := ode.Loop{
		Method: c.Solver, Steps: c.Steps, T0: t0, T1: t1, Constants: field.Parameters(), ValueOnly: true,
		Chunks: c.chunks(y),
		Rate: func(rows []*Node, y *Node) (derivative, integrand *Node, _ func(gk, gl *Node) (*Node, []*Node)) {
			t := BroadcastToDims(rows[0], y.Shape().Dimensions[y.Rank()-1])
			derivative, integrand = of(field.With(rows[1:]), t, y)
			return derivative, integrand, nil
		},
	}
	return loop.Solve(tables, y)
}

// solveUnrolled solves chunk by chunk in the graph. Chunks fit the cache, and shorten sums in
// float32, which the Go backend adds one number at a time.
func (c *continuous) solveUnrolled(rate ode.Rate, y *Node, t0, t1 float64) ode.Solution {
	batch, chunks := y.Shape().Dimensions[2], min(c.chunks(y), maxUnrolledChunks)
	if batch%chunks != 0 || y.Graph().NumDevices() > 1 { // chunks would cut across the devices' parts of the batch
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
	return func(step, stage int, y *Node) (derivative, integrand *Node) {
		rows := make([]*Node, len(tables[stage]))
		for i, table := range tables[stage] {
			rows[i] = Reshape(SliceAxis(table, 0, AxisElem(step)), table.Shape().Dimensions[1:]...)
		}
		derivative, integrand, _ = linear(rows, y)
		return derivative, integrand
	}
}

const (
	// pairsInCache bounds a chunk's pairs of particles where the field is tabulated: the RBFs of
	// 768 pairs fill the second-level cache of common processors (measured on DW4 and LJ13).
	pairsInCache = 768
	// numbersInCache bounds a chunk's widest array where the field is solved in a loop (measured on
	// DW4 and LJ13).
	numbersInCache = 1 << 20
	// onDevice multiplies both bounds on a device with memory of its own, which small chunks would
	// leave idle. There the memory is the limit: half a gigabyte for the widest array in float32.
	onDevice = 1 << 7
)

// chunks returns the smallest divisor of the batch whose chunks keep within the bounds.
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
