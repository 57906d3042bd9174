// The generalised Born solvent, as in born.go: the integrals I with the derivatives of each by the
// distance, the single atoms, the pairs, and the forces. Pairs of another force without a cutoff
// share the distances.

// The arrays of a pair, and of an atom, in vectors.
enum { SQUARE, FACTOR, SLOPE_I, SLOPE_J, BORN_PAIR };
// INTEGRAL and the slopes are twice what they say, and RESPONSE is half.
enum { INTEGRAL, RADIUS, INVERSE, RESPONSE, SLOPE_B, DECAY, BORN_ATOM };

typedef struct {
	int n, flags;
	const real *solvent, *site;
	real *atoms, *pairs;
} solvent;

INLINE real *atom(const solvent *s, int i, int what) { return s->atoms + (long)(i * BORN_ATOM + what) * WIDTH; }
INLINE vector number(const solvent *s, int i, int what) { return splat(s->site[i * EQFLOW_SITE + what]); }

// bounds are those of the integral of one atom over another: L, U, and what their logarithm takes.
typedef struct {
	vector lower, upper, product, difference, sum, half_power;
} bounds;

// bounds_of splits ln(U/L) into 2 artanh(difference/sum) and 2·half_power. U ≤ L (1 + 2
// radius/rho), so that U/2L lies between ½ and 2 for most radii; the mantissas do so for all.
INLINE bounds bounds_of(vector r, vector rho, vector radius, int mantissas) {
	bounds b = {.upper = r + radius, .lower = greater(rho, absolute(r - radius))};
	vector twice = b.lower + b.lower;
	b.product = b.lower * b.upper, b.difference = b.upper - twice, b.sum = b.upper + twice;
	b.half_power = splat(LN2_HALF);
	if (mantissas) {
		vector high, low, m = mantissa(b.upper, &high), l = mantissa(b.lower, &low), k = high - low;
		b.difference = m - l, b.sum = m + l, b.half_power = splat(LN2_HALF) * k;
	}
	return b;
}

// descreen returns twice the integral, and sets twice its derivative by r, over r. per_product is
// 1/LU, per_sum that of the sum.
INLINE vector descreen(const bounds *b, vector r, vector per_r, vector radius, vector per_product, vector per_sum,
	vector *slope) {
	vector per_lower = per_product * b->upper, per_upper = per_product * b->lower, t = b->difference * per_sum;
	vector difference = per_upper - per_lower, squares = splat(0.25) * difference * (per_upper + per_lower);
	vector log = multiply_add(t, sum_series(artanh_series, LENGTH(artanh_series), t * t), b->half_power) * per_r;
	vector share = radius * radius * per_r;
	*slope = multiply_add(log, per_r, multiply_add(share * per_r, squares, squares)) * per_r;
	return multiply_add(r - share, squares, -difference) - log;
}

// correct is what descreen leaves out: an atom around which the other does not reach has no
// integral. Of an atom within the other, the derivative through L = radius − r counts, unless the
// volume of the other around it does, whose derivative cancels that one.
INLINE vector correct(const bounds *b, vector value, vector r, vector rho, vector radius, int engulfed,
	vector *slope) {
	vector none = splat(0), depth = radius - r, per_lower = splat(1) / b->lower;
	if (engulfed)
		value += if_less(rho, depth, splat(2) / rho - splat(2) * per_lower, none);
	else
		*slope += if_less(rho, depth, splat(2) * per_lower * per_lower / r, none);
	*slope = if_less(rho, b->upper, *slope, none);
	return if_less(rho, b->upper, value, none);
}

// neck returns twice a neck's part of the integral, and adds twice its derivative by r, over r.
INLINE vector neck(const real *shape, vector r, vector per_r, vector reach, vector *slope) {
	vector d = r - splat(shape[1]), d2 = d * d, one = splat(1), none = splat(0);
	vector inverse = one / multiply_add(d2 * d2 * splat(3e5), d2, multiply_add(splat(100), d2, one));
	vector value = splat(2) * splat(shape[0]) * inverse;
	vector by_r = -value * inverse * d * multiply_add(splat(1.8e6) * d2, d2, splat(200));
	*slope += if_less(reach, r, none, by_r * per_r);
	return if_less(reach, r, none, value);
}

// distances fills in the squares of a row's distances and the factors of the other force, and 1/r
// in the place of SLOPE_I. It returns the energy of the pairs of the other force.
INLINE vector distances(const solvent *s, const place *p, int i, const real *other, real *at_pair) {
	vector sum = splat(0);
	point center = at(p->x, i);
	for (int j = i + 1; j < s->n; j++, at_pair += BORN_PAIR * WIDTH) {
		point d = minus(center, at(p->x, j));
		vector square = dot(d, d), per_r = inverse_root(square), factor = splat(0);
		if (s->flags & EQFLOW_FUSED) {
			if (other[0] != 0 || other[2] != 0) sum += pair(other, per_r, per_r * per_r, &factor);
			other += 3;
		}
		store(at_pair + SQUARE * WIDTH, square), store(at_pair + FACTOR * WIDTH, factor);
		store(at_pair + SLOPE_I * WIDTH, per_r);
	}
	return sum;
}

// integrals_of fills in the integrals and the slopes of a row.
INLINE void integrals_of(const solvent *s, int i, int mantissas, const real *necks, real *at_pair) {
	vector none = splat(0), cutoff2 = splat(s->solvent[EQFLOW_CUTOFF2]), near = splat(s->solvent[EQFLOW_NEAR]);
	vector rho_i = number(s, i, EQFLOW_RHO), radius_i = number(s, i, EQFLOW_SCALED), own = none;
	int engulfed = s->flags & EQFLOW_ENGULFED;
	for (int j = i + 1; j < s->n; j++, at_pair += BORN_PAIR * WIDTH) {
		vector rho_j = number(s, j, EQFLOW_RHO), radius_j = number(s, j, EQFLOW_SCALED), to_i, to_j;
		vector square = load(at_pair + SQUARE * WIDTH), per_r = load(at_pair + SLOPE_I * WIDTH), r = square * per_r;
		bounds a = bounds_of(r, rho_i, radius_j, mantissas), b = bounds_of(r, rho_j, radius_i, mantissas);
		vector sums = a.sum * b.sum, products = a.product * b.product, all = splat(1) / (sums * products);
		vector per_products = all * sums, per_sums = all * products;
		vector value_i = descreen(&a, r, per_r, radius_j, per_products * b.product, per_sums * b.sum, &to_i);
		vector value_j = descreen(&b, r, per_r, radius_i, per_products * a.product, per_sums * a.sum, &to_j);
		if (any_less(r, near)) {
			value_i = correct(&a, value_i, r, rho_i, radius_j, engulfed, &to_i);
			value_j = correct(&b, value_j, r, rho_j, radius_i, engulfed, &to_j);
		}
		if (s->flags & EQFLOW_NECK) {
			vector reach = rho_i + rho_j + splat(s->solvent[EQFLOW_REACH]);
			value_i += neck(necks, r, per_r, reach, &to_i), value_j += neck(necks + 2, r, per_r, reach, &to_j);
			necks += 4;
		}
		if (s->flags & EQFLOW_CUTOFF) {
			value_i = if_less(cutoff2, square, none, value_i), to_i = if_less(cutoff2, square, none, to_i);
			value_j = if_less(cutoff2, square, none, value_j), to_j = if_less(cutoff2, square, none, to_j);
		}
		own += value_i;
		store(atom(s, j, INTEGRAL), load(atom(s, j, INTEGRAL)) + value_j);
		store(at_pair + SLOPE_I * WIDTH, to_i), store(at_pair + SLOPE_J * WIDTH, to_j);
	}
	store(atom(s, i, INTEGRAL), load(atom(s, i, INTEGRAL)) + own);
}

// integrals fills in the integrals and the pairs' arrays. It returns the energy of the pairs of the
// other force. Two short loops leave the processor more independent work than a long one.
FUNCTION vector integrals(const solvent *s, const place *p, const real *other) {
	vector sum = splat(0);
	for (int i = 0; i < s->n; i++) store(atom(s, i, INTEGRAL), splat(0));
	real *at_pair = s->pairs;
	const real *necks = other + (s->flags & EQFLOW_FUSED ? 3 * (s->n * (s->n - 1L) / 2) : 0);
	for (int i = 0; i < s->n; i++) {
		long row = s->n - 1 - i;
		sum += distances(s, p, i, other, at_pair);
		if (s->flags & EQFLOW_MANTISSAS)
			integrals_of(s, i, 1, necks, at_pair);
		else
			integrals_of(s, i, 0, necks, at_pair);
		at_pair += BORN_PAIR * WIDTH * row, other += 3 * row, necks += 4 * row;
	}
	return sum;
}

// polar returns −k(1/ε_in − e^(−κf)/ε_out)(1/f − shift), and sets its derivative by f.
INLINE vector polar(const solvent *s, vector per_f, real shift, vector *slope) {
	vector inner = splat(s->solvent[EQFLOW_INNER]), outer = splat(s->solvent[EQFLOW_OUTER]), screening = splat(0);
	real kappa = s->solvent[EQFLOW_KAPPA];
	if (kappa != 0) {
		outer *= exponential(splat(-kappa) / per_f);
		screening = splat(kappa) * outer;
	}
	vector value = (outer - inner) * per_f, beyond = splat(shift);
	*slope = beyond * screening - (value + screening) * per_f;
	return multiply_add(beyond, inner - outer, value);
}

// singles fills in the Born radii and returns the energy of single atoms.
FUNCTION vector singles(const solvent *s) {
	vector sum = splat(0), one = splat(1);
	for (int i = 0; i < s->n; i++) {
		vector rho = number(s, i, EQFLOW_RHO), radius = number(s, i, EQFLOW_RADIUS);
		vector psi = splat(0.5) * load(atom(s, i, INTEGRAL));
		vector inverse, response, slope;
		if (s->flags & EQFLOW_HCT) {
			inverse = one / rho - psi, response = one;
		} else {
			vector a = number(s, i, EQFLOW_ALPHA), b = number(s, i, EQFLOW_BETA), c = number(s, i, EQFLOW_GAMMA);
			psi *= rho;
			vector twice = splat(2) * psi * multiply_add(psi, multiply_add(psi, c, -b), a);
			vector tanh = one - splat(2) / (exponential(twice) + one);
			inverse = one / rho - tanh / radius;
			response = (one - tanh * tanh) * multiply_add(psi, splat(3) * psi * c - splat(2) * b, a) * rho / radius;
		}
		vector born = one / inverse, self = number(s, i, EQFLOW_SELF);
		sum += self * polar(s, inverse, 0, &slope);
		slope *= self;
		vector ratio = radius * inverse;
		ratio *= ratio * ratio;
		vector surface = splat(s->solvent[EQFLOW_SURFACE]) * number(s, i, EQFLOW_REACH2) * ratio * ratio;
		sum += surface;
		store(atom(s, i, RADIUS), born), store(atom(s, i, INVERSE), inverse);
		store(atom(s, i, RESPONSE), splat(0.5) * response * born * born);
		store(atom(s, i, SLOPE_B), slope - splat(6) * surface * inverse);
	}
	return sum;
}

// decays fills in exp(−r²/4BB') of a row.
INLINE void decays(const solvent *s, int i, const real *at_pair) {
	vector quarter = splat(-0.25) * load(atom(s, i, INVERSE));
	for (int j = i + 1; j < s->n; j++, at_pair += BORN_PAIR * WIDTH) {
		vector ratio = load(at_pair + SQUARE * WIDTH) * (quarter * load(atom(s, j, INVERSE)));
		store(atom(s, j, DECAY), exponential(ratio));
	}
}

// polar_row returns the polar energy of a row of pairs.
INLINE vector polar_row(const solvent *s, int i, real *at_pair) {
	vector sum = splat(0), none = splat(0), cutoff2 = splat(s->solvent[EQFLOW_CUTOFF2]), own = none;
	vector born = load(atom(s, i, RADIUS)), quarter = splat(-0.25) * load(atom(s, i, INVERSE));
	real charge = s->site[i * EQFLOW_SITE + EQFLOW_CHARGE];
	for (int j = i + 1; j < s->n; j++, at_pair += BORN_PAIR * WIDTH) {
		vector square = load(at_pair + SQUARE * WIDTH), other = load(atom(s, j, RADIUS)), slope;
		vector ratio = square * (quarter * load(atom(s, j, INVERSE))), decay = load(atom(s, j, DECAY));
		vector per_f = inverse_root(multiply_add(born * other, decay, square));
		vector charges = splat(charge * s->site[j * EQFLOW_SITE + EQFLOW_CHARGE]);
		if (s->flags & EQFLOW_CUTOFF) charges = if_less(cutoff2, square, none, charges);
		sum = multiply_add(charges, polar(s, per_f, s->solvent[EQFLOW_SHIFT], &slope), sum);
		vector half = splat(0.5) * charges * slope * per_f; // by f²
		vector each = half * decay * (splat(1) - ratio);    // by the product of the radii
		own = multiply_add(each, other, own);
		store(atom(s, j, SLOPE_B), multiply_add(each, born, load(atom(s, j, SLOPE_B))));
		vector direct = half * multiply_add(splat(-0.5), decay, splat(2));
		store(at_pair + FACTOR * WIDTH, load(at_pair + FACTOR * WIDTH) - direct);
	}
	store(atom(s, i, SLOPE_B), load(atom(s, i, SLOPE_B)) + own);
	return sum;
}

// polar_pairs returns the polar energy of pairs. It adds its derivatives by the Born radii, and by
// the distance to the factors of the pairs.
FUNCTION vector polar_pairs(const solvent *s) {
	vector sum = splat(0);
	real *at_pair = s->pairs;
	for (int i = 0; i < s->n; i++) {
		decays(s, i, at_pair);
		sum += polar_row(s, i, at_pair);
		at_pair += (long)BORN_PAIR * WIDTH * (s->n - 1 - i);
	}
	return sum;
}

FUNCTION void born_forces(const solvent *s, const place *p) {
	for (int i = 0; i < s->n; i++)
		store(atom(s, i, SLOPE_B), load(atom(s, i, SLOPE_B)) * load(atom(s, i, RESPONSE)));
	const real *at_pair = s->pairs;
	for (int i = 0; i < s->n; i++) {
		point center = at(p->x, i), own = {splat(0), splat(0), splat(0)};
		vector slope = load(atom(s, i, SLOPE_B));
		for (int j = i + 1; j < s->n; j++, at_pair += BORN_PAIR * WIDTH) {
			point d = minus(center, at(p->x, j));
			vector factor = load(at_pair + FACTOR * WIDTH);
			factor -= slope * load(at_pair + SLOPE_I * WIDTH);
			factor -= load(atom(s, j, SLOPE_B)) * load(at_pair + SLOPE_J * WIDTH);
			own.x = multiply_add(d.x, factor, own.x), own.y = multiply_add(d.y, factor, own.y);
			own.z = multiply_add(d.z, factor, own.z), add_along(p->f, j, d, -factor);
		}
		add_to(p->f, i, own);
	}
}

// born returns the energy of the solvent, and adds that of the fused pairs to their force.
FUNCTION vector born(place *p, int n, real *energy, real *space) {
	solvent s = {
		.n = n, .flags = p->index[0], .solvent = p->number, .site = p->number + EQFLOW_SOLVENT,
		.atoms = space, .pairs = space + (long)BORN_ATOM * n * WIDTH,
	};
	real *fused = energy + p->index[1] * WIDTH;
	p->index += 2, p->number += EQFLOW_SOLVENT + EQFLOW_SITE * n;
	vector others = integrals(&s, p, p->number);
	if (s.flags & EQFLOW_FUSED) p->number += 3L * (n * (n - 1L) / 2);
	if (s.flags & EQFLOW_NECK) p->number += 4L * (n * (n - 1L) / 2);
	store(fused, load(fused) + others);
	vector sum = singles(&s) + polar_pairs(&s);
	born_forces(&s, p);
	return sum;
}
