// Series in float. Each is the Chebyshev interpolant of its function, as powers.

// exp x on |x| ≤ ½ ln 2, to 3e-9.
static const real exp_series[] = {
	1, 1.0000000377162139f, 0.50000000471177575f, 0.16666415514653277f, 0.041666352896775158f,
	0.0083751263981533351f, 0.0013941108433972674f,
};

// artanh(√z)/√z on 0 ≤ z ≤ 1/9, to 4e-9.
static const real artanh_series[] = {
	1.0000000038408794f, 0.33333160820688884f, 0.20012297615351873f, 0.13982578872598633f, 0.14078889181554541f,
};

// arctan(√z)/√z on 0 ≤ z ≤ tan²(π/8), to 6e-10.
static const real arctan_series[] = {
	0.99999999937067108f, -0.33333306873799395f, 0.19998182002716527f, -0.14239513423957814f, 0.10569685283640824f,
	-0.060259348850561237f,
};

// ln 2 in two parts, its half, and the bound on |x| of exp x.
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define LN2_HALF 0.34657359027997265f
#define LARGEST_EXPONENT 87

// inverse_root is 1/√a. An estimate's error e = 1 − a y² becomes its square.
INLINE vector inverse_root(vector a) {
	vector y = estimate(a), ay = a * y, e = multiply_add(-ay, y, splat(1));
	return multiply_add(y * splat(0.5f), e, y);
}
