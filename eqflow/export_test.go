package eqflow

// InGraphs keeps the kernel field in graphs, to compare with.
func (m *Model) InGraphs() *Model {
	m.inGraphs = true
	return m
}

// Orthogonal is what Muon makes of a stack of gradients.
var Orthogonal = orthogonal

// MuonReach is the size of Muon's steps.
const MuonReach = muonReach
