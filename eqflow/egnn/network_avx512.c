//go:build cgo && amd64

// The EGNN with vectors of sixteen numbers.

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline, target("avx512f,avx2,fma")))
#define FUNCTION static __attribute__((target("avx512f,avx2,fma")))
#define FUNCTIONS eqflow_egnn_avx512
#define WIDTH 16
#define ROWS 8

typedef __m512 vector;

INLINE vector splat(float a) { return _mm512_set1_ps(a); }
INLINE vector load(const float *from) { return _mm512_loadu_ps(from); }
INLINE void store(float *to, vector v) { _mm512_storeu_ps(to, v); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm512_fmadd_ps(a, b, c); }
INLINE vector nearest(vector a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
INLINE vector clamp(vector a, float low, float high) {
	return _mm512_min_ps(_mm512_max_ps(a, splat(low)), splat(high));
}

// times_power_of_two is a·2^k for whole k.
INLINE vector times_power_of_two(vector a, vector k) { return _mm512_scalef_ps(a, k); }

INLINE float total(vector v) { return _mm512_reduce_add_ps(v); }

#include "network_body.h"
