// field and pullField of solve.go and adjoint.go for AVX2: four configurations to a vector, and the same operations in the
// same order, so that the results are the same to the bit. A piece's eight coefficients lie side by side in memory; those of
// four lanes' pieces are read as they lie and turned into one vector a coefficient, which is far cheaper than gathering them.

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
INLINE void take(double *from, vector v) { store(from, load(from) - v); }
INLINE vector choose(vector where, vector a, vector otherwise) { return _mm256_blendv_pd(otherwise, a, where); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_pd(a, b, c); }

// where is what pieces.locate tells of four distances.
typedef struct {
	int piece[WIDTH];
	vector u, scale;
	int beyond; // whether some lane lies beyond split
} where;

INLINE where locate(const eqflow_pieces *p, vector d) {
	where w;
	vector near = _mm256_cmp_pd(d, splat(p->split), _CMP_LT_OQ);
	vector far_at = (d - splat(p->split)) * splat(p->per_far), within = _mm256_cmp_pd(far_at, splat(p->far), _CMP_LT_OQ);
	vector at = choose(near, d * splat(p->per_near), far_at), inside = _mm256_or_pd(near, within);
	vector below = _mm256_round_pd(at, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
	vector piece = choose(near, below, below + splat(p->near));
	w.u = _mm256_and_pd(inside, splat(2) * (at - below) - splat(1));
	w.scale = choose(near, splat(p->slope_near), splat(p->slope));
	_mm_storeu_si128((__m128i *)w.piece, _mm256_cvttpd_epi32(choose(inside, piece, splat(p->near + p->far))));
	w.beyond = _mm256_movemask_pd(near) != 15;
	return w;
}

// pair reads two coefficients of each lane's piece.
INLINE void pair(const eqflow_piece *row, const where *w, int at, vector *one, vector *next) {
	vector even = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(row[w->piece[0]].c + at)), _mm_loadu_pd(row[w->piece[2]].c + at), 1);
	vector odd = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(row[w->piece[1]].c + at)), _mm_loadu_pd(row[w->piece[3]].c + at), 1);
	*one = _mm256_unpacklo_pd(even, odd), *next = _mm256_unpackhi_pd(even, odd);
}

INLINE void coefficients(const eqflow_piece *row, const where *w, vector c[EQFLOW_TERMS]) {
	for (int i = 0; i < EQFLOW_TERMS; i += 2) pair(row, w, i, &c[i], &c[i + 1]);
}

// scatter adds four cotangents to each lane's piece, lane by lane: two may share a piece.
INLINE void scatter(eqflow_piece *row, const where *w, int at, vector a, vector b, vector c, vector d) {
	vector ab = _mm256_unpacklo_pd(a, b), cd = _mm256_unpacklo_pd(c, d), AB = _mm256_unpackhi_pd(a, b), CD = _mm256_unpackhi_pd(c, d);
	add(row[w->piece[0]].c + at, _mm256_permute2f128_pd(ab, cd, 0x20));
	add(row[w->piece[1]].c + at, _mm256_permute2f128_pd(AB, CD, 0x20));
	add(row[w->piece[2]].c + at, _mm256_permute2f128_pd(ab, cd, 0x31));
	add(row[w->piece[3]].c + at, _mm256_permute2f128_pd(AB, CD, 0x31));
}

EXPORT int eqflow_field(const eqflow_pieces *p, const eqflow_piece *row, int n, int dim, int lanes, const double *y, double *v, double *div) {
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
				where w = locate(p, d);
				beyond |= w.beyond;
				coefficients(row, &w, c);
				vector phi = multiply_add(c[7], w.u, c[6]), slope = c[7];
				for (int t = 5; t >= 0; t--) slope = multiply_add(slope, w.u, phi), phi = multiply_add(phi, w.u, c[t]);
				for (int k = 0; k < width; k += lanes) {
					vector f = phi * (load(x + k) - load(z + k));
					add(v + i * width + l + k, f), take(v + j * width + l + k, f);
				}
				add(div + l, splat(2) * (square / d * slope * w.scale + splat(dim) * phi));
			}
	return beyond;
}

EXPORT void eqflow_pull_field(const eqflow_pieces *p, const eqflow_piece *row, eqflow_piece *g_row, int n, int dim, int lanes,
	const double *y, const double *gv, const double *gdiv, double *gy) {
	int width = dim * lanes;
	memset(gy, 0, sizeof(double) * n * width);
	for (int i = 0; i < n; i++)
		for (int j = i + 1; j < n; j++)
			for (int l = 0; l < lanes; l += WIDTH) {
				int a = i * width + l, b = j * width + l;
				vector square = splat(0), along = splat(0), c[EQFLOW_TERMS];
				for (int k = 0; k < width; k += lanes) {
					vector r = load(y + a + k) - load(y + b + k);
					square += r * r;
					along += r * (load(gv + a + k) - load(gv + b + k));
				}
				vector d = _mm256_sqrt_pd(square + splat(REGULARISER)), inverse = splat(1) / d;
				where w = locate(p, d);
				vector u = w.u;
				coefficients(row, &w, c);
				vector phi = multiply_add(c[7], u, c[6]), slope = c[7], curve = c[7];
				slope = multiply_add(slope, u, phi), phi = multiply_add(phi, u, c[5]);
				for (int t = 4; t >= 0; t--) curve = multiply_add(curve, u, slope), slope = multiply_add(slope, u, phi), phi = multiply_add(phi, u, c[t]);
				slope *= w.scale;
				curve *= splat(2) * w.scale * w.scale;
				vector twice = splat(2) * load(gdiv + l), g_phi = along + twice * splat(dim), g_slope = twice * square * inverse;
				vector gd = g_phi * slope + g_slope * curve + twice * slope * (splat(1) + splat(REGULARISER) * inverse * inverse);
				vector factor = gd * inverse;
				for (int k = 0; k < width; k += lanes) {
					vector g = phi * (load(gv + a + k) - load(gv + b + k)) + factor * (load(y + a + k) - load(y + b + k));
					add(gy + a + k, g), take(gy + b + k, g);
				}
				vector A = g_phi * u, B = g_slope * w.scale, u2 = u * u, u4 = u2 * u2;
				scatter(g_row, &w, 0, g_phi, A + B, u * (A + splat(2) * B), u2 * (A + splat(3) * B));
				scatter(g_row, &w, 4, u2 * u * (A + splat(4) * B), u4 * (A + splat(5) * B), u4 * u * (A + splat(6) * B), u4 * u2 * (A + splat(7) * B));
			}
}
