package dynamics

// Where particles are not all alike, every role of a pair scales the radial basis functions by factors of its own, so that all
// that is summed or seen of a neighbour knows the role; and the network on the particles is told theirs. The factors do not
// depend on positions, so the trace stays as it is.

// bindRoles makes the parameters, where there are roles.
func (o OneHop) bindRoles(m *maker) {
	if _, pairs := m.system.pairRoles(); pairs > 1 {
		m.weights("pair_roles", pairs, o.Centres, 1, 0.5)
	}
	if _, particles := m.system.particleRoles(); particles > 1 {
		m.weights("particle_roles", particles, o.Hidden, 1, 1)
	}
}

// byPair scales the basis functions on edges [n, n, batch, Centres] by 1 + the factors of the pair's role.
func (f *oneHopField) byPair(basis dual) dual {
	weights := f.nodes["pair_roles"]
	if weights == nil {
		return basis
	}
	factors := f.system.ofEdges(weights, f.system.N, func(j, _ int) int { return j })
	factors = repeat(2, basis.value.Shape().Dimensions[2])(factors, 0)
	return basis.add(basis.mul(fixed(factors)))
}

// byParticle adds what the particles' roles give to features [n, batch, Hidden].
func (f *oneHopField) byParticle(features dual) dual {
	weights := f.nodes["particle_roles"]
	if weights == nil {
		return features
	}
	return features.add(fixed(repeat(1, features.value.Shape().Dimensions[1])(f.system.ofParticles(weights), 0)))
}
