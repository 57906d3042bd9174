package dynamics

import (
	"math"
	"math/rand/v2"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// parameters are a field's trainable nodes by name, in the order of their making.
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

// maker creates a field's parameters, or reads them, drawing the first values from one stream of the system's seed.
type maker struct {
	scope  *model.Scope
	graph  *Graph
	system System
	rng    *rand.Rand
	made   parameters
}

func newMaker(scope *model.Scope, g *Graph, system System, stream uint64) *maker {
	return &maker{scope, g, system, rand.New(rand.NewPCG(system.Seed, stream)), parameters{nodes: map[string]*Node{}}}
}

func (m *maker) add(name string, draw func() float64, dims ...int) {
	m.made.names = append(m.made.names, name)
	m.made.nodes[name] = m.system.variable(m.scope, m.graph, name, draw, dims...)
}

// weights makes a matrix [in, out] with entries of scale/√fan, where fan counts all that the layer adds up.
func (m *maker) weights(name string, in, out, fan int, scale float64) {
	size := scale / math.Sqrt(float64(fan))
	m.add(name, func() float64 { return size * m.rng.NormFloat64() }, in, out)
}

// bias makes a vector [size] of zeros.
func (m *maker) bias(name string, size int) {
	m.add(name, func() float64 { return 0 }, size)
}
