//go:build cgo && amd64

// Energies in float with vectors of eight numbers.

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline, target("avx2,fma")))
#define FUNCTION static __attribute__((target("avx2,fma")))
#define FUNCTIONS eqflow_float_avx2
#define WIDTH 8

typedef float real;
typedef __m256 vector;

INLINE vector splat(float a) { return _mm256_set1_ps(a); }
INLINE vector load(const real *from) { return _mm256_loadu_ps(from); }
INLINE void store(real *to, vector v) { _mm256_storeu_ps(to, v); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_ps(a, b, c); }
INLINE vector root(vector a) { return _mm256_sqrt_ps(a); }
INLINE vector lesser(vector a, vector b) { return _mm256_min_ps(a, b); }
INLINE vector greater(vector a, vector b) { return _mm256_max_ps(a, b); }
INLINE vector absolute(vector a) { return _mm256_andnot_ps(splat(-0.0f), a); }
INLINE vector nearest(vector a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// if_less is x where a < b, and otherwise y.
INLINE vector if_less(vector a, vector b, vector x, vector y) {
	return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

INLINE int any_less(vector a, vector b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }

// estimate is 1/√a to 12 bits.
INLINE vector estimate(vector a) { return _mm256_rsqrt_ps(a); }

// times_power_of_two is a·2^k for whole k from −126 to 127.
INLINE vector times_power_of_two(vector a, vector k) {
	__m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
	return a * _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}

// mantissa returns m in [√½, √2) with a = m·2^power for a positive normal number.
INLINE vector mantissa(vector a, vector *power) {
	__m256i bits = _mm256_castps_si256(a), shifted = _mm256_sub_epi32(bits, _mm256_set1_epi32(0x3f3504f3));
	*power = _mm256_cvtepi32_ps(_mm256_srai_epi32(shifted, 23));
	return _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_and_si256(shifted, _mm256_set1_epi32(0xff800000))));
}

#include "energy_float.h"
#include "energy_body.h"
