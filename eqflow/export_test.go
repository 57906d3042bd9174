package eqflow

import (
	"math/rand/v2"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

// InGraphs returns a model with the same parameters that graphs compute, to compare with.
func (m *Model) InGraphs() *Model {
	g := m.Generator
	g.Engine = engine.Graphs
	other, err := New(m.Backend(), g)
	if err != nil {
		panic(err)
	}
	parameters, err := m.Export()
	if err == nil {
		err = other.Import(parameters)
	}
	if err == nil {
		err = other.SetDivergence(m.Divergence())
	}
	if err != nil {
		panic(err)
	}
	return other
}

// Orthogonal is what Muon makes of a stack of gradients.
var Orthogonal = orthogonal

// MuonReach is the size of Muon's steps.
const MuonReach = muonReach

// FlowTimes are the times of a step of flow matching.
func FlowTimes(s Settings, rng *rand.Rand) []float64 {
	return (&feed{Settings: s.WithDefaults()}).flowTimes(rng)
}
