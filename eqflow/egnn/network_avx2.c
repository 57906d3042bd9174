//go:build cgo && amd64

// The EGNN with vectors of eight numbers.

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline, target("avx2,fma")))
#define FUNCTION static __attribute__((target("avx2,fma")))
#define FUNCTIONS eqflow_egnn_avx2
#define WIDTH 8
#define ROWS 4

typedef __m256 vector;

INLINE vector splat(float a) { return _mm256_set1_ps(a); }
INLINE vector load(const float *from) { return _mm256_loadu_ps(from); }
INLINE void store(float *to, vector v) { _mm256_storeu_ps(to, v); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vector nearest(vector a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vector clamp(vector a, float low, float high) {
	return _mm256_min_ps(_mm256_max_ps(a, splat(low)), splat(high));
}

// times_power_of_two is a·2^k for whole k from −126 to 127.
INLINE vector times_power_of_two(vector a, vector k) {
	__m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
	return a * _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

INLINE float total(vector v) {
	__m128 a = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	a = _mm_add_ps(a, _mm_movehl_ps(a, a));
	return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}

#include "network_body.h"
