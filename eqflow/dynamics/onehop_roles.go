package dynamics

// Where particles are not all alike, every role of a pair scales the radial basis functions by
// factors of its own, so that all sums over neighbours depend on the roles. The network on the
// particles has the particle's role as an input. The factors do not depend on positions, so the
// trace is unchanged.

// bindRoles creates the parameters that depend on roles, if there are roles.
func (o OneHop) bindRoles(b *binder) {
	if _, pairs := b.system.pairRoles(); pairs > 1 {
		b.weights("pair_roles", pairs, o.Centres, 1, 0.5)
	}
	if _, particles := b.system.particleRoles(); particles > 1 {
		b.weights("particle_roles", particles, o.Hidden, 1, 1)
	}
}

// byPairRole scales the basis functions on edges [n, n, batch, Centres] by 1 + the factors of the
// pair's role.
func (f *oneHopField) byPairRole(basis dual) dual {
	weights := f.nodes["pair_roles"]
	if weights == nil {
		return basis
	}
	factors := f.system.ofEdges(weights, f.system.N, func(j, _ int) int { return j })
	factors = repeat(2, basis.value.Shape().Dimensions[2])(factors, 0)
	return basis.add(basis.mul(constant(factors)))
}

// addParticleRole adds the contributions of the particles' roles to features [n, batch, Hidden].
func (f *oneHopField) addParticleRole(features dual) dual {
	weights := f.nodes["particle_roles"]
	if weights == nil {
		return features
	}
	batch := features.value.Shape().Dimensions[1]
	return features.add(constant(repeat(1, batch)(f.system.ofParticles(weights), 0)))
}
