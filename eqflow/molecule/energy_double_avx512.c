//go:build cgo && amd64

// Energies in double with vectors of eight numbers.

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline, target("avx512f,avx2,fma")))
#define FUNCTION static __attribute__((target("avx512f,avx2,fma")))
#define FUNCTIONS eqflow_double_avx512
#define WIDTH 8

typedef double real;
typedef __m512d vector;

INLINE vector splat(double a) { return _mm512_set1_pd(a); }
INLINE vector load(const real *from) { return _mm512_loadu_pd(from); }
INLINE void store(real *to, vector v) { _mm512_storeu_pd(to, v); }
INLINE vector multiply_add(vector a, vector b, vector c) { return _mm512_fmadd_pd(a, b, c); }
INLINE vector root(vector a) { return _mm512_sqrt_pd(a); }
INLINE vector lesser(vector a, vector b) { return _mm512_min_pd(a, b); }
INLINE vector greater(vector a, vector b) { return _mm512_max_pd(a, b); }
INLINE vector absolute(vector a) { return _mm512_abs_pd(a); }
INLINE vector nearest(vector a) { return _mm512_roundscale_pd(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// if_less is x where a < b, and otherwise y.
INLINE vector if_less(vector a, vector b, vector x, vector y) {
	return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(a, b, _CMP_LT_OQ), y, x);
}

INLINE int any_less(vector a, vector b) { return _mm512_cmp_pd_mask(a, b, _CMP_LT_OQ); }

// estimate is 1/√a to 14 bits.
INLINE vector estimate(vector a) { return _mm512_rsqrt14_pd(a); }

// times_power_of_two is a·2^k for whole k.
INLINE vector times_power_of_two(vector a, vector k) { return _mm512_scalef_pd(a, k); }

// mantissa returns m in [¾, 3/2) with a = m·2^power for a positive normal number.
INLINE vector mantissa(vector a, vector *power) {
	vector m = _mm512_getmant_pd(a, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_src);
	*power = _mm512_getexp_pd(a * splat(4.0 / 3)); // of a/¾
	return m;
}

#include "energy_double.h"
#include "energy_body.h"
