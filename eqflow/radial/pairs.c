// field of block.go and pullField of tape.go for AVX2: four configurations to a vector, and the
// same operations in the same order as in Go, so that the results are the same to the bit. The
// eight coefficients of a piece lie side by side in memory. Those of four lanes' pieces are loaded
// as they lie and transposed into one vector per coefficient, which is far cheaper than gather
// instructions.

//go:build cgo && amd64

#include "pairs.h"
#include <immintrin.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline, target("avx2,fma")))
#define EXPORT __attribute__((target("avx2,fma")))
#define WIDTH 4
#define REGULARISER 1e-6

typedef __m256d vector;

INLINE vector splat(double a) { return _mm256_set1_pd(a); }
INLINE vector load(const double *from) { return _mm256_loadu_pd(from); }
INLINE void store(double *to, vector v) { _mm256_storeu_pd(to, v); }
INLINE void add(double *to, vector v) { store(to, load(to) + v); }
INLINE void subtract(double *from, vector v) { store(from, load(from) - v); }
INLINE vector choose(vector where, vector a, vector otherwise) { return _mm256_blendv_pd(otherwise, a, where); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_pd(a, b, c); }

// position is the result of pieces.locate for four distances.
typedef struct {
	int piece[WIDTH];
	vector u, scale;
	int beyond; // whether some lane lies beyond split
} position;

INLINE position locate(const eqflow_pieces *p, vector d) {
	position at;
	vector near = _mm256_cmp_pd(d, splat(p->split), _CMP_LT_OQ);
	vector far_at = (d - splat(p->split)) * splat(p->per_far);
	vector within = _mm256_cmp_pd(far_at, splat(p->far), _CMP_LT_OQ);
	vector number = choose(near, d * splat(p->per_near), far_at), inside = _mm256_or_pd(near, within);
	vector below = _mm256_round_pd(number, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
	vector piece = choose(near, below, below + splat(p->near));
	at.u = _mm256_and_pd(inside, splat(2) * (number - below) - splat(1));
	at.scale = choose(near, splat(p->slope_near), splat(p->slope));
	_mm_storeu_si128((__m128i *)at.piece, _mm256_cvttpd_epi32(choose(inside, piece, splat(p->near + p->far))));
	at.beyond = _mm256_movemask_pd(near) != 15;
	return at;
}

// two_lanes loads two coefficients of the pieces of two lanes.
INLINE vector two_lanes(const double *one, const double *other) {
	return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(one)), _mm_loadu_pd(other), 1);
}

// coefficients loads the coefficients of every lane's piece, a vector for each coefficient.
INLINE void coefficients(const eqflow_piece *row, const position *at, vector c[EQFLOW_TERMS]) {
	for (int i = 0; i < EQFLOW_TERMS; i += 2) {
		vector even = two_lanes(row[at->piece[0]].c + i, row[at->piece[2]].c + i);
		vector odd = two_lanes(row[at->piece[1]].c + i, row[at->piece[3]].c + i);
		c[i] = _mm256_unpacklo_pd(even, odd), c[i + 1] = _mm256_unpackhi_pd(even, odd);
	}
}

// scatter adds four cotangents to each lane's piece, lane by lane: two lanes may share a piece.
INLINE void scatter(eqflow_piece *row, const position *at, int i, vector a, vector b, vector c, vector d) {
	vector ab = _mm256_unpacklo_pd(a, b), cd = _mm256_unpacklo_pd(c, d);
	vector AB = _mm256_unpackhi_pd(a, b), CD = _mm256_unpackhi_pd(c, d);
	add(row[at->piece[0]].c + i, _mm256_permute2f128_pd(ab, cd, 0x20));
	add(row[at->piece[1]].c + i, _mm256_permute2f128_pd(AB, CD, 0x20));
	add(row[at->piece[2]].c + i, _mm256_permute2f128_pd(ab, cd, 0x31));
	add(row[at->piece[3]].c + i, _mm256_permute2f128_pd(AB, CD, 0x31));
}

EXPORT int eqflow_field(const eqflow_pieces *p, const eqflow_piece *row, int n, int dim, int lanes,
	const double *y, double *v, double *div) {
	int beyond = 0, width = dim * lanes;
	memset(v, 0, sizeof(double) * n * width);
	memset(div, 0, sizeof(double) * lanes);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			for (int l = 0; l < lanes; l += WIDTH) {
				const double *x = y + i * width + l, *z = y + j * width + l;
				vector square = splat(0), c[EQFLOW_TERMS];
				for (int k = 0; k < width; k += lanes) {
					vector r = load(x + k) - load(z + k);
					square += r * r;
				}
				vector d = _mm256_sqrt_pd(square + splat(REGULARISER));
				position at = locate(p, d);
				beyond |= at.beyond;
				coefficients(row, &at, c);
				vector phi = multiply_add(c[7], at.u, c[6]), slope = c[7];
				for (int t = 5; t >= 0; t--)
					slope = multiply_add(slope, at.u, phi), phi = multiply_add(phi, at.u, c[t]);
				for (int k = 0; k < width; k += lanes) {
					vector f = phi * (load(x + k) - load(z + k));
					add(v + i * width + l + k, f), subtract(v + j * width + l + k, f);
				}
				add(div + l, splat(2) * (square / d * slope * at.scale + splat(dim) * phi));
			}
	return beyond;
}

// pull_pair adds the contribution of the pair with coordinates from a and from b on, of four lanes.
INLINE void pull_pair(const eqflow_pieces *p, const eqflow_piece *row, eqflow_piece *g_row, int dim, int lanes,
	int a, int b, const double *y, const double *gv, vector gdiv, double *gy) {
	int width = dim * lanes;
	vector square = splat(0), along = splat(0), c[EQFLOW_TERMS];
	for (int k = 0; k < width; k += lanes) {
		vector r = load(y + a + k) - load(y + b + k);
		square += r * r;
		along += r * (load(gv + a + k) - load(gv + b + k));
	}
	vector d = _mm256_sqrt_pd(square + splat(REGULARISER)), inverse = splat(1) / d;
	position at = locate(p, d);
	vector u = at.u;
	coefficients(row, &at, c);
	vector phi = multiply_add(c[7], u, c[6]), slope = c[7], curve = c[7];
	slope = multiply_add(slope, u, phi), phi = multiply_add(phi, u, c[5]);
	for (int t = 4; t >= 0; t--) {
		curve = multiply_add(curve, u, slope);
		slope = multiply_add(slope, u, phi), phi = multiply_add(phi, u, c[t]);
	}
	slope *= at.scale;
	curve *= splat(2) * at.scale * at.scale;
	vector twice = splat(2) * gdiv, g_phi = along + twice * splat(dim), g_slope = twice * square * inverse;
	vector gd = g_phi * slope + g_slope * curve + twice * slope * (splat(1) + splat(REGULARISER) * inverse * inverse);
	vector factor = gd * inverse;
	for (int k = 0; k < width; k += lanes) {
		vector g = phi * (load(gv + a + k) - load(gv + b + k)) + factor * (load(y + a + k) - load(y + b + k));
		add(gy + a + k, g), subtract(gy + b + k, g);
	}
	vector A = g_phi * u, B = g_slope * at.scale, u2 = u * u, u4 = u2 * u2;
	scatter(g_row, &at, 0, g_phi, A + B, u * (A + splat(2) * B), u2 * (A + splat(3) * B));
	scatter(g_row, &at, 4, u2 * u * (A + splat(4) * B), u4 * (A + splat(5) * B), u4 * u * (A + splat(6) * B),
		u4 * u2 * (A + splat(7) * B));
}

EXPORT void eqflow_pull_field(const eqflow_pieces *p, const eqflow_piece *row, eqflow_piece *g_row, int n, int dim,
	int lanes, const double *y, const double *gv, const double *gdiv, double *gy) {
	int width = dim * lanes;
	memset(gy, 0, sizeof(double) * n * width);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			for (int l = 0; l < lanes; l += WIDTH)
				pull_pair(p, row, g_row, dim, lanes, i * width + l, j * width + l, y, gv, load(gdiv + l), gy);
}
