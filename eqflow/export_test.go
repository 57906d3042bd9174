package eqflow

// InGraphs keeps the kernel field in graphs, to compare with.
func (m *Model) InGraphs() *Model {
	m.inGraphs = true
	return m
}
