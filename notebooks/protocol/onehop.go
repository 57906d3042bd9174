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

// TraceError is DivergenceError of a field with a generator's settings and fresh parameters, at some of the configurations x.
func (l *Lab) TraceError(t Trained, x particle.Batch) float64 {
	return l.divergenceError(t.Model.Flow.(flow.Continuous).Field, x.Slice(0, 4), rand.New(rand.NewPCG(5, 6)))
}

// traceBatch is how many configurations TraceCosts evaluates at a time.
const traceBatch = 8

// TraceCosts measures, for one evaluation of a one-hop field by numbers of particles in space, the seconds that the velocity
// takes, the velocity with its divergence, and the divergence by the full Jacobian. Fastest of several.
func (l *Lab) TraceCosts(t Trained) figure.Figure {
	field := t.Model.Flow.(flow.Continuous).Field
	series := []figure.Series{{Name: "velocity", Style: figure.Joined}, {Name: "and its exact divergence, one pass", Style: figure.Joined}, {Name: "divergence by n·D products with the Jacobian", Style: figure.Joined}}
	bar := figure.NewProgress("measuring costs", 0)
	particles, most := []int{4, 7, 13, 20, 32, 55}, 13 // beyond, the full Jacobian takes minutes to compile
	if l.Quick {
		particles, most = particles[:4], 7
	}
	for _, n := range particles {
		bar.Update(n, "%d particles", n)
		for k := range series {
			if k == 2 && n > most {
				continue
			}
			ms := 1e3 * l.costOf(field, n, k) / traceBatch
			series[k].X, series[k].Y = append(series[k].X, float64(n)), append(series[k].Y, ms)
		}
	}
	bar.Done("")
	for k := range series {
		series[k].Name += fmt.Sprintf(": exponent %.1f", exponent(series[k]))
	}
	return figure.Lines(figure.Axes{Title: "Cost of one evaluation", X: "particles", Y: "ms a configuration", LogX: true, LogY: true}, series...)
}

// exponent is that of the power law through all points but the first, which what a call costs at least rules.
func exponent(s figure.Series) float64 {
	var x, y []float64
	for i := 1; i < len(s.X); i++ {
		x, y = append(x, math.Log(s.X[i])), append(y, math.Log(s.Y[i]))
	}
	_, slope := stat.LinearRegression(x, y, nil, false)
	return slope
}

// costOf is the seconds of the fastest call of the velocity (0), with its divergence (1), or of the Jacobian's trace (2).
func (l *Lab) costOf(field dynamics.Config, n, what int) float64 {
	const d = 3
	exec := must(model.NewExec(l.backend.Backend, model.NewStore(), func(scope *model.Scope, x, t *graph.Node) []*graph.Node {
		f := field.Bind(scope.At("field"), x.Graph(), flow.System{N: n, D: d, Seed: 3})
		v, div := f.At(t, x)
		return [][]*graph.Node{{v}, {v, div}, {dynamics.ExactDivergence(func(x *graph.Node) *graph.Node { v, _ := f.At(t, x); return v }, x)}}[what]
	}))
	rng := rand.New(rand.NewPCG(6, uint64(n)))
	positions := make([]float32, traceBatch*n*d)
	for i := range positions {
		positions[i] = float32(math.Cbrt(float64(n)) / 2 * rng.NormFloat64())
	}
	x, t := tensors.FromFlatDataAndDimensions(positions, traceBatch, n, d), tensors.FromFlatDataAndDimensions(make([]float32, traceBatch), traceBatch)
	fastest := math.Inf(1)
	for range 11 { // the first compiles
		start := time.Now()
		must(exec.Call(x, t))
		fastest = min(fastest, time.Since(start).Seconds())
	}
	return fastest
}
