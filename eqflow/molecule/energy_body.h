// The evaluation of a molecule's energy and forces. The including file defines the vectors. One
// vector of configurations at a time goes through all sections, with its coordinates and forces
// [3·atoms, WIDTH] in the cache.

#include "energy.h"
#include <string.h>

typedef struct {
	vector x, y, z;
} point;

INLINE point minus(point a, point b) { return (point){a.x - b.x, a.y - b.y, a.z - b.z}; }
INLINE point plus(point a, point b) { return (point){a.x + b.x, a.y + b.y, a.z + b.z}; }
INLINE point scaled(point a, vector s) { return (point){a.x * s, a.y * s, a.z * s}; }
INLINE vector dot(point a, point b) { return multiply_add(a.x, b.x, multiply_add(a.y, b.y, a.z * b.z)); }
INLINE point cross(point a, point b) {
	return (point){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

INLINE point at(const real *x, int i) {
	x += 3 * WIDTH * (long)i;
	return (point){load(x), load(x + WIDTH), load(x + 2 * WIDTH)};
}

INLINE void add_to(real *f, int i, point v) {
	f += 3 * WIDTH * (long)i;
	store(f, load(f) + v.x), store(f + WIDTH, load(f + WIDTH) + v.y), store(f + 2 * WIDTH, load(f + 2 * WIDTH) + v.z);
}

// add_along adds s·d to a force.
INLINE void add_along(real *f, int i, point d, vector s) {
	f += 3 * WIDTH * (long)i;
	store(f, multiply_add(d.x, s, load(f)));
	store(f + WIDTH, multiply_add(d.y, s, load(f + WIDTH)));
	store(f + 2 * WIDTH, multiply_add(d.z, s, load(f + 2 * WIDTH)));
}

#define LENGTH(series) ((int)(sizeof(series) / sizeof(real)))

// sum_series sums even and odd powers apart, which halves the chain of dependent operations.
INLINE vector sum_series(const real *series, int length, vector z) {
	vector square = z * z, high = splat(series[length - 1]), low = splat(series[length - 2]);
	for (int k = length - 3; k > 0; k -= 2) {
		high = multiply_add(high, square, splat(series[k]));
		low = multiply_add(low, square, splat(series[k - 1]));
	}
	if (length % 2) return multiply_add(high, square, splat(series[0])) + low * z;
	return multiply_add(high, z, low);
}

// exponential is exp x. It is not zero below −LARGEST_EXPONENT, nor infinite above it.
INLINE vector exponential(vector x) {
	x = lesser(greater(x, splat(-LARGEST_EXPONENT)), splat(LARGEST_EXPONENT));
	vector k = nearest(x * splat(1.4426950408889634)), r = multiply_add(k, splat(-LN2_HIGH), x);
	r = multiply_add(k, splat(-LN2_LOW), r);
	return times_power_of_two(sum_series(exp_series, LENGTH(exp_series), r), k);
}

// arctangent is atan2(y, x) for y ≥ 0.
INLINE vector arctangent(vector y, vector x) {
	vector width = absolute(x), low = lesser(y, width), high = greater(y, width);
	vector steep = splat(0.41421356237309503) * high; // tan π/8
	vector top = if_less(steep, low, low - high, low), bottom = if_less(steep, low, low + high, high);
	vector t = top / bottom;
	vector angle = t * sum_series(arctan_series, LENGTH(arctan_series), t * t);
	angle += if_less(steep, low, splat(0.78539816339744831), splat(0));
	angle = if_less(width, y, splat(1.5707963267948966) - angle, angle);
	return if_less(x, splat(0), splat(3.1415926535897932) - angle, angle);
}

// place is where a section's terms are read, and what they add to.
typedef struct {
	const int *index;
	const real *number;
	const real *x;
	real *f;
} place;

#include "energy_bonded.h"
#include "energy_pairs.h"
#include "energy_born.h"

// The working space has the coordinates, the forces, the energies and what EQFLOW_BORN needs.
FUNCTION long space_of(const eqflow_molecule *m) {
	long n = m->atoms;
	return sizeof(real) * WIDTH * (6 * n + m->forces + BORN_ATOM * n + BORN_PAIR * (n * (n - 1) / 2));
}

// gather copies configurations from on into lanes. The first atom moves to the origin, where float
// is most exact. Lanes without a configuration repeat the last one.
FUNCTION void gather(const eqflow_molecule *m, int from, int count, const double *x, real *to) {
	long n = 3L * m->atoms;
	for (int lane = 0; lane < WIDTH; lane++) {
		const double *one = x + n * (from + lane < count ? from + lane : count - 1);
		for (long k = 0; k < n; k += 3)
			for (int axis = 0; axis < 3; axis++) to[(k + axis) * WIDTH + lane] = (real)(one[k + axis] - one[axis]);
	}
}

FUNCTION void scatter(long rows, int from, int count, const real *values, double *to) {
	for (int lane = 0; lane < WIDTH && from + lane < count; lane++)
		for (long k = 0; k < rows; k++) to[(from + lane) * rows + k] = values[k * WIDTH + lane];
}

FUNCTION void evaluate(const eqflow_molecule *m, int count, const double *x, double *energies, double *forces,
	void *space) {
	long n = m->atoms;
	real *places = space, *f = places + 3 * n * WIDTH, *energy = f + 3 * n * WIDTH;
	real *rest = energy + m->forces * WIDTH;
	for (int from = 0; from < count; from += WIDTH) {
		gather(m, from, count, x, places);
		memset(f, 0, sizeof(real) * WIDTH * (3 * n + m->forces));
		place p = {m->index, m->number, places, f};
		for (int k = 0; k < m->sections; k++) {
			const eqflow_section *s = m->section + k;
			vector sum = splat(0);
			switch (s->kind) {
			case EQFLOW_BONDS: sum = bonds(&p, s->count); break;
			case EQFLOW_ANGLES: sum = angles(&p, s->count); break;
			case EQFLOW_POLYNOMIALS: sum = polynomials(&p, s->count); break;
			case EQFLOW_WAVES: sum = waves(&p, s->count); break;
			case EQFLOW_PAIRS: sum = pairs(&p, s->count); break;
			case EQFLOW_CUT_PAIRS: sum = cut_pairs(&p, s->count); break;
			case EQFLOW_BORN: sum = born(&p, m->atoms, energy, rest); break;
			}
			store(energy + s->force * WIDTH, load(energy + s->force * WIDTH) + sum);
		}
		scatter(m->forces, from, count, energy, energies);
		if (forces) scatter(3 * n, from, count, f, forces);
	}
}

const eqflow_functions FUNCTIONS = {space_of, evaluate};
