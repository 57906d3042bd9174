// Bonds, angles and torsions. Each function reads its terms from the place, and returns the energy.

FUNCTION vector bonds(place *p, int count) {
	vector sum = splat(0);
	for (int t = 0; t < count; t++, p->index += 2, p->number += 2) {
		int i = p->index[0], j = p->index[1];
		point d = minus(at(p->x, i), at(p->x, j));
		vector square = dot(d, d), inverse = inverse_root(square), stretch = square * inverse - splat(p->number[0]);
		vector pull = splat(p->number[1]) * stretch;
		sum = multiply_add(pull * splat(0.5), stretch, sum);
		pull *= inverse;
		add_along(p->f, i, d, -pull), add_along(p->f, j, d, pull);
	}
	return sum;
}

// STRAIGHT bounds |u × v| in the forces of a straight angle, nm², as in bonded.go.
#define STRAIGHT 1e-6

FUNCTION vector angles(place *p, int count) {
	vector sum = splat(0);
	for (int t = 0; t < count; t++, p->index += 3, p->number += 2) {
		int i = p->index[0], j = p->index[1], k = p->index[2];
		point center = at(p->x, j), u = minus(at(p->x, i), center), v = minus(at(p->x, k), center);
		point normal = cross(u, v);
		vector area = root(dot(normal, normal)), uu = dot(u, u), vv = dot(v, v);
		vector bend = arctangent(area, dot(u, v)) - splat(p->number[0]), pull = splat(p->number[1]) * bend;
		sum = multiply_add(pull * splat(0.5), bend, sum);
		area = greater(area, splat(STRAIGHT));
		pull = -pull / (area * uu * vv);
		point fu = scaled(cross(u, normal), pull * vv), fv = scaled(cross(normal, v), pull * uu);
		add_to(p->f, i, fu), add_to(p->f, k, fv), add_along(p->f, j, plus(fu, fv), splat(-1));
	}
	return sum;
}

// dihedral is the geometry of four atoms, as in bonded.go.
typedef struct {
	point a, b;
	vector cosine, sine, length, inverse, fg, hg, per_aa, per_bb;
} dihedral;

INLINE dihedral dihedral_at(const place *p) {
	point second = at(p->x, p->index[1]), third = at(p->x, p->index[2]);
	point f = minus(at(p->x, p->index[0]), second), g = minus(second, third), h = minus(at(p->x, p->index[3]), third);
	dihedral d = {.a = cross(f, g), .b = cross(h, g), .fg = dot(f, g), .hg = dot(h, g)};
	vector gg = dot(g, g), aa = dot(d.a, d.a), bb = dot(d.b, d.b), scale = inverse_root(aa * bb);
	d.inverse = inverse_root(gg), d.length = gg * d.inverse;
	d.per_aa = scale * scale * bb, d.per_bb = scale * scale * aa;
	d.cosine = dot(d.a, d.b) * scale, d.sine = -dot(f, d.b) * d.length * scale;
	return d;
}

// add_torsion adds the forces of an energy whose derivative by φ is slope.
INLINE void add_torsion(const place *p, const dihedral *d, vector slope) {
	vector along_a = slope * d->per_aa, along_b = slope * d->per_bb;
	point first = scaled(d->a, along_a * d->length), last = scaled(d->b, -along_b * d->length);
	point shift = plus(scaled(d->a, -along_a * d->fg * d->inverse), scaled(d->b, along_b * d->hg * d->inverse));
	add_to(p->f, p->index[0], first), add_to(p->f, p->index[3], last);
	add_to(p->f, p->index[1], minus(shift, first));
	add_along(p->f, p->index[2], plus(shift, last), splat(-1));
}

FUNCTION vector polynomials(place *p, int count) {
	vector sum = splat(0);
	for (int t = 0; t < count; t++) {
		int degree = p->index[4];
		dihedral d = dihedral_at(p);
		vector value = splat(p->number[degree]), slope = splat(0);
		for (int k = degree - 1; k >= 0; k--) {
			slope = multiply_add(slope, d.cosine, value);
			value = multiply_add(value, d.cosine, splat(p->number[k]));
		}
		sum += value;
		add_torsion(p, &d, -slope * d.sine);
		p->index += 5, p->number += degree + 1;
	}
	return sum;
}

FUNCTION vector waves(place *p, int count) {
	vector sum = splat(0);
	for (int t = 0; t < count; t++) {
		int order = p->index[4];
		dihedral d = dihedral_at(p);
		vector c = splat(1), s = splat(0), slope = splat(0);
		sum += splat(p->number[0]);
		for (int n = 1; n <= order; n++) {
			vector next = c * d.cosine - s * d.sine;
			s = multiply_add(s, d.cosine, c * d.sine), c = next;
			vector kc = splat(p->number[2 * n - 1]), ks = splat(p->number[2 * n]);
			sum = multiply_add(kc, c, multiply_add(ks, s, sum));
			slope = multiply_add(splat(n), ks * c - kc * s, slope);
		}
		add_torsion(p, &d, slope);
		p->index += 5, p->number += 2 * order + 1;
	}
	return sum;
}
