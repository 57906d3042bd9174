// Series in double. Each is the Chebyshev interpolant of its function, as powers.

// exp x on |x| ≤ ½ ln 2, to 4e-18.
static const real exp_series[] = {
	1, 1, 0.50000000000000189, 0.1666666666666668, 0.041666666666488099, 0.0083333333333196011,
	0.0013888888952314775, 0.00019841269890047113, 2.4801485482328494e-05, 2.755724091857897e-06,
	2.7632639639041029e-07, 2.5110037605963777e-08,
};

// artanh(√z)/√z on 0 ≤ z ≤ 1/9, to 5e-17.
static const real artanh_series[] = {
	1, 0.33333333333341286, 0.199999999976438, 0.1428571455582858, 0.11111095430673142, 0.090914299002369553,
	0.076818381244458167, 0.067956527427899469, 0.049403945243823931, 0.088903819130566511,
};

// arctan(√z)/√z on 0 ≤ z ≤ tan²(π/8), to 4e-17.
static const real arctan_series[] = {
	1, -0.3333333333332843, 0.19999999998853618, -0.14285714180856576, 0.11111106175584769, -0.090907729616503272,
	0.076899519024514459, -0.066402200854020293, 0.05688276780465485, -0.043478429345733101, 0.021132810313338496,
};

// ln 2 in two parts, its half, and the bound on |x| of exp x.
#define LN2_HIGH 0x1.62e42fefa38p-1
#define LN2_LOW 0x1.ef35793c7673p-45
#define LN2_HALF 0.34657359027997265
#define LARGEST_EXPONENT 708

// inverse_root is 1/√a. With an estimate y and its error e = 1 − a y², it is y/√(1 − e) as
// a series to e⁴. The estimates have e < 8e-4.
INLINE vector inverse_root(vector a) {
	vector y = estimate(a), ay = a * y, e = multiply_add(-ay, y, splat(1));
	vector series = multiply_add(e, splat(35.0 / 128), splat(5.0 / 16));
	series = multiply_add(multiply_add(e, series, splat(0.375)), e, splat(0.5));
	return multiply_add(y * e, series, y);
}
