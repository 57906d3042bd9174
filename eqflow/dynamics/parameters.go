package dynamics

import (
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// parameters are a field's trainable arrays by name, in the order in which they were created.
type parameters struct {
	names []string
	nodes map[string]*Node
}

// Parameters implements Looped.
func (p parameters) Parameters() []*Node {
	all := make([]*Node, len(p.names))
	for k, name := range p.names {
		all[k] = p.nodes[name]
	}
	return all
}

// with returns the same parameters as nodes of another graph.
func (p parameters) with(nodes []*Node) parameters {
	out := parameters{names: p.names, nodes: make(map[string]*Node, len(nodes))}
	for k, name := range p.names {
		out.nodes[name] = nodes[k]
	}
	return out
}

// binder creates a field's parameters, or reads existing ones. It draws initial values from one
// random stream of the system's seed.
type binder struct {
	scope  *model.Scope
	graph  *Graph
	system System
	rng    *rand.Rand
	bound  parameters
}

func newBinder(scope *model.Scope, g *Graph, system System, stream uint64) *binder {
	rng := rand.New(rand.NewPCG(system.Seed, stream))
	return &binder{scope, g, system, rng, parameters{nodes: map[string]*Node{}}}
}

func (b *binder) add(name string, draw func() float64, dims ...int) {
	b.bound.names = append(b.bound.names, name)
	b.bound.nodes[name] = b.system.Variable(b.scope, b.graph, name, draw, dims...)
}

// weights creates a matrix [in, out] of normal draws with standard deviation scale/√fanIn. fanIn
// counts all inputs of the layer, which may have several such matrices.
func (b *binder) weights(name string, in, out, fanIn int, scale float64) {
	size := scale / math.Sqrt(float64(fanIn))
	b.add(name, func() float64 { return size * b.rng.NormFloat64() }, in, out)
}

// bias creates a vector [size] of zeros.
func (b *binder) bias(name string, size int) {
	b.add(name, func() float64 { return 0 }, size)
}
