//go:build cgo && amd64

// Energies in double with vectors of four numbers.

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline, target("avx2,fma")))
#define FUNCTION static __attribute__((target("avx2,fma")))
#define FUNCTIONS eqflow_double_avx2
#define WIDTH 4

typedef double real;
typedef __m256d vector;

INLINE vector splat(double a) { return _mm256_set1_pd(a); }
INLINE vector load(const real *from) { return _mm256_loadu_pd(from); }
INLINE void store(real *to, vector v) { _mm256_storeu_pd(to, v); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm256_fmadd_pd(a, b, c); }
INLINE vector root(vector a) { return _mm256_sqrt_pd(a); }
INLINE vector lesser(vector a, vector b) { return _mm256_min_pd(a, b); }
INLINE vector greater(vector a, vector b) { return _mm256_max_pd(a, b); }
INLINE vector absolute(vector a) { return _mm256_andnot_pd(splat(-0.0), a); }
INLINE vector nearest(vector a) { return _mm256_round_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// if_less is x where a < b, and otherwise y.
INLINE vector if_less(vector a, vector b, vector x, vector y) {
	return _mm256_blendv_pd(y, x, _mm256_cmp_pd(a, b, _CMP_LT_OQ));
}

INLINE int any_less(vector a, vector b) { return _mm256_movemask_pd(_mm256_cmp_pd(a, b, _CMP_LT_OQ)); }

// estimate is 1/√a to 12 bits.
INLINE vector estimate(vector a) { return _mm256_cvtps_pd(_mm_rsqrt_ps(_mm256_cvtpd_ps(a))); }

// times_power_of_two is a·2^k for whole k from −1022 to 1023. Adding 2^52 + 2^51 puts k into the
// low bits.
INLINE vector times_power_of_two(vector a, vector k) {
	__m256i bits = _mm256_castpd_si256(k + splat(0x1.8p52 + 1023));
	return a * _mm256_castsi256_pd(_mm256_slli_epi64(bits, 52));
}

// mantissa returns m in [√½, √2) with a = m·2^power for a positive normal number. The biased
// power is never negative, and becomes a number as the low bits of 2^52.
INLINE vector mantissa(vector a, vector *power) {
	__m256i bits = _mm256_castpd_si256(a), two52 = _mm256_castpd_si256(splat(0x1p52));
	__m256i shifted = _mm256_sub_epi64(bits, _mm256_set1_epi64x(0x3fe6a09e667f3bcdLL));
	__m256i whole = _mm256_and_si256(shifted, _mm256_set1_epi64x((long long)(0xfffULL << 52)));
	__m256i biased = _mm256_srli_epi64(_mm256_add_epi64(shifted, _mm256_set1_epi64x(1024LL << 52)), 52);
	*power = _mm256_castsi256_pd(_mm256_or_si256(biased, two52)) - splat(0x1p52 + 1024);
	return _mm256_castsi256_pd(_mm256_sub_epi64(bits, whole));
}

#include "energy_double.h"
#include "energy_body.h"
