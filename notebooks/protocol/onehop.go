package protocol

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/gonum/stat"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/figure"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// TraceError is DivergenceError of a generator's field with new parameters, at the first four of
// the configurations x.
func (l *Lab) TraceError(t Trained, x particle.Batch) float64 {
	field := t.Model.Flow.(flow.Continuous).Field
	return l.divergenceError(field, x.Slice(0, 4), rand.New(rand.NewPCG(5, 6)))
}

// traceBatch is the number of configurations that TraceCosts evaluates at a time.
const traceBatch = 8

// TraceCosts draws the cost of one evaluation of a one-hop field against the number of particles in
// space: of the velocity, of the velocity with its divergence, and of the divergence by the full
// Jacobian. Each point is the fastest of ten calls.
func (l *Lab) TraceCosts(t Trained) figure.Figure {
	field := t.Model.Flow.(flow.Continuous).Field
	series := []figure.Series{
		{Name: "velocity", Style: figure.Joined}, {Name: "and its exact divergence, one pass", Style: figure.Joined},
		{Name: "divergence by n·D products with the Jacobian", Style: figure.Joined},
	}
	bar := figure.NewProgress("measuring costs", 0)
	particles, maxJacobian := []int{4, 7, 13, 20, 32, 55}, 13 // larger Jacobians take minutes to compile
	if l.Quick {
		particles, maxJacobian = particles[:4], 7
	}
	for _, n := range particles {
		bar.Update(n, "%d particles", n)
		for k := range series {
			if quantity(k) == jacobianTrace && n > maxJacobian {
				continue
			}
			ms := 1e3 * l.cost(field, n, quantity(k)) / traceBatch
			series[k].X, series[k].Y = append(series[k].X, float64(n)), append(series[k].Y, ms)
		}
	}
	bar.Done("")
	for k := range series {
		series[k].Name += fmt.Sprintf(": exponent %.1f", exponent(series[k]))
	}
	return figure.Lines(figure.Axes{
		Title: "Cost of one evaluation", X: "particles", Y: "ms a configuration", LogX: true, LogY: true,
	}, series...)
}

// exponent returns the exponent of the power law through all points except the first, where the
// fixed cost of a call dominates.
func exponent(s figure.Series) float64 {
	var x, y []float64
	for i := 1; i < len(s.X); i++ {
		x, y = append(x, math.Log(s.X[i])), append(y, math.Log(s.Y[i]))
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope
}

// quantity is one of the quantities whose costs TraceCosts compares, in the order of its series.
type quantity int

const (
	velocity quantity = iota
	velocityAndDivergence
	jacobianTrace
)

// cost returns the seconds of the fastest call that computes a quantity for n particles.
func (l *Lab) cost(field dynamics.Config, n int, q quantity) float64 {
	const d = 3
	compute := func(scope *model.Scope, x, t *graph.Node) []*graph.Node {
		f := field.Bind(scope.At("field"), x.Graph(), flow.System{N: n, D: d, Seed: 3})
		v, div := f.At(t, x)
		switch q {
		case velocity:
			return []*graph.Node{v}
		case velocityAndDivergence:
			return []*graph.Node{v, div}
		}
		at := func(x *graph.Node) *graph.Node { v, _ := f.At(t, x); return v }
		return []*graph.Node{dynamics.ExactDivergence(at, x)}
	}
	exec := must(model.NewExec(l.backend.Backend, model.NewStore(), compute))
	rng := rand.New(rand.NewPCG(6, uint64(n)))
	positions := make([]float32, traceBatch*n*d)
	for i := range positions {
		positions[i] = float32(math.Cbrt(float64(n)) / 2 * rng.NormFloat64())
	}
	x := tensors.FromFlatDataAndDimensions(positions, traceBatch, n, d)
	t := tensors.FromFlatDataAndDimensions(make([]float32, traceBatch), traceBatch)
	fastest := math.Inf(1)
	for range 11 { // the first call compiles
		start := time.Now()
		must(exec.Call(x, t))
		fastest = min(fastest, time.Since(start).Seconds())
	}
	return fastest
}
