package engine

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Velocity implements Field.
func (g *graphs) Velocity(x particle.Batch, t []float64) (particle.Batch, error) {
	out, err := g.field("the field's velocity", x, t, nil, func(f flow.Partial, x, t *Node, _ []*Node) []*Node {
		v, _ := f.At(t, x)
		return []*Node{v}
	})
	return asBatch(out[0], x), err
}

// Divergence implements Field.
func (g *graphs) Divergence(x particle.Batch, t []float64, probes Probes) (particle.Batch, []float64, error) {
	build := func(f flow.Partial, x, t *Node, probes []*Node) []*Node {
		v, div := withProbes(f, probes).(flow.Partial).At(t, x)
		return []*Node{v, div}
	}
	out, err := g.field("the field and its divergence", x, t, probes, build)
	return asBatch(out[0], x), out[1], err
}

// DivergenceGradient implements Field.
func (g *graphs) DivergenceGradient(x particle.Batch, t []float64) ([]float64, particle.Batch, error) {
	build := func(f flow.Partial, x, t *Node, _ []*Node) []*Node {
		_, div := f.At(t, x)
		return []*Node{div, Gradient(ReduceAllSum(div), x)[0]}
	}
	out, err := g.field("the gradient of the field's divergence", x, t, nil, build)
	return out[0], asBatch(out[1], x), err
}

// Pull implements Field.
func (g *graphs) Pull(x particle.Batch, t []float64, cotangents particle.Batch) (particle.Batch, error) {
	var vectors Probes // one vector for each configuration
	for i := range cotangents.Len() {
		vectors = append(vectors, float32s(cotangents.At(i)))
	}
	build := func(f flow.Partial, x, t *Node, vectors []*Node) []*Node {
		v, _ := f.At(t, x)
		s := Reshape(vectors[0], x.Shape().Dimensions...)
		return []*Node{Gradient(ReduceAllSum(Mul(v, s)), x)[0]}
	}
	out, err := g.field("the transport of scores", x, t, vectors, build)
	return asBatch(out[0], x), err
}

// field evaluates the nodes that build returns for the field at configurations x [B, n, d] and
// times t [B], with vectors [K, n·d] for each configuration if there are any. It always returns two
// results, which are empty after an error.
func (g *graphs) field(name string, x particle.Batch, t []float64, vectors Probes,
	build func(f flow.Partial, x, t *Node, vectors []*Node) []*Node) ([][]float64, error) {
	out := make([][]float64, 2)
	if _, ok := g.Config.(flow.Continuous); !ok {
		return out, fmt.Errorf("eqflow: %T has no vector field; use a continuous flow", g.Config)
	}
	each := vectors.count(x.N * x.D)
	key := program{name: name, scope: g.Parameters.Scope, probes: each}
	exec, err := g.compiled(key, 0, func(scope *model.Scope, in []*Node) []*Node {
		x, t := in[0], in[1]
		return build(g.bind(scope, x.Graph(), 0, key.scope).(flow.Partial), x, t, in[2:])
	})
	if err != nil {
		return out, err
	}
	size := min(x.Len(), g.blockSize(each)) // callers use few sizes, and each size is compiled once
	err = forBlocks(x.Len(), size, nil, func(from, to int) error {
		results, err := exec.Call(fieldInputs(x.Slice(from, to), t[from:to], vectors, from, size)...)
		if err != nil {
			return fmt.Errorf("eqflow: %s failed: %w", name, err)
		}
		for k, values := range onHost(results, to-from) {
			out[k] = append(out[k], values...)
		}
		return nil
	})
	return out, err
}

// fieldInputs returns the padded inputs of a block: the configurations, their times, and their
// vectors, of which the first has the index from.
func fieldInputs(x particle.Batch, t []float64, vectors Probes, from, size int) []any {
	width := x.N * x.D
	flat, times := make([]float32, size*width), make([]float32, size)
	var flatVectors []float32
	for i := range size {
		k := min(i, x.Len()-1)
		copy(flat[i*width:], float32s(x.At(k)))
		times[i] = float32(t[k])
		if len(vectors) > 0 {
			flatVectors = append(flatVectors, vectors[from+k]...)
		}
	}
	in := []any{tensors.FromFlatDataAndDimensions(flat, size, x.N, x.D), tensors.FromFlatDataAndDimensions(times, size)}
	if len(vectors) > 0 {
		in = append(in, tensors.FromFlatDataAndDimensions(flatVectors, size, vectors.count(width), x.N, x.D))
	}
	return in
}

// asBatch returns coordinates as a batch of the shape of another one.
func asBatch(x []float64, like particle.Batch) particle.Batch {
	return particle.Batch{N: like.N, D: like.D, X: x}
}
