// Lennard-Jones and Coulomb energies of pairs.

// pair returns the energy of a pair from 1/r and 1/r², and sets the factor of x_i − x_j in the
// force on i. number has 4εσ¹², 4εσ⁶ and the charges.
INLINE vector pair(const real *number, vector inverse, vector inverse2, vector *factor) {
	vector r6 = inverse2 * inverse2 * inverse2, repulsion = splat(number[0]) * r6 * r6;
	vector attraction = splat(number[1]) * r6, electric = splat(number[2]) * inverse;
	*factor = (splat(12) * repulsion - splat(6) * attraction + electric) * inverse2;
	return repulsion - attraction + electric;
}

// pairs has rows of one atom i with others, so that the force on i stays in registers.
FUNCTION vector pairs(place *p, int rows) {
	vector sum = splat(0), factor;
	for (int row = 0; row < rows; row++) {
		int i = p->index[0], count = p->index[1];
		point center = at(p->x, i), own = {splat(0), splat(0), splat(0)};
		p->index += 2;
		for (int k = 0; k < count; k++, p->index++, p->number += 3) {
			point d = minus(center, at(p->x, *p->index));
			vector inverse = inverse_root(dot(d, d));
			sum += pair(p->number, inverse, inverse * inverse, &factor);
			own = plus(own, scaled(d, factor)), add_along(p->f, *p->index, d, -factor);
		}
		add_to(p->f, i, own);
	}
	return sum;
}

// cut_pairs is pairs within a cutoff, with a reaction field: q q' (1/r + a r² − b).
FUNCTION vector cut_pairs(place *p, int rows) {
	vector sum = splat(0), factor;
	vector cutoff2 = splat(p->number[0]), a = splat(p->number[1]), b = splat(p->number[2]), none = splat(0);
	p->number += 3;
	for (int row = 0; row < rows; row++) {
		int i = p->index[0], count = p->index[1];
		point center = at(p->x, i), own = {none, none, none};
		p->index += 2;
		for (int k = 0; k < count; k++, p->index++, p->number += 3) {
			point d = minus(center, at(p->x, *p->index));
			vector square = dot(d, d);
			if (!any_less(square, cutoff2)) continue;
			vector inverse = inverse_root(square), charges = splat(p->number[2]);
			vector energy = pair(p->number, inverse, inverse * inverse, &factor);
			energy = multiply_add(charges, a * square - b, energy);
			factor -= splat(2) * a * charges;
			sum += if_less(cutoff2, square, none, energy);
			factor = if_less(cutoff2, square, none, factor);
			own = plus(own, scaled(d, factor)), add_along(p->f, *p->index, d, -factor);
		}
		add_to(p->f, i, own);
	}
	return sum;
}
