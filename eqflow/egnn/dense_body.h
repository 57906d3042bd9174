// Operations on vectors, and the matrix products that the layers of a network consist of.

INLINE void add(float *to, vector v) { store(to, load(to) + v); }

INLINE vector exponential(vector x) {
	x = clamp(x, -87, 87);
	vector k = nearest(x * splat(1.44269504f)), r = multiply_add(k, splat(-0.693359375f), x), p = splat(1.0f / 720);
	r = multiply_add(k, splat(2.12194440e-4f), r); // ln 2 in two parts
	p = multiply_add(p, r, splat(1.0f / 120)), p = multiply_add(p, r, splat(1.0f / 24));
	p = multiply_add(p, r, splat(1.0f / 6)), p = multiply_add(p, r, splat(0.5f));
	p = multiply_add(p, r, splat(1)), p = multiply_add(p, r, splat(1));
	return times_power_of_two(p, k);
}

// silu stores x·σ(x) and its derivative, and the second derivative where curvature is not null.
INLINE void silu(vector x, float *value, float *slope, float *curvature) {
	vector sigma = splat(1) / (splat(1) + exponential(-x)), a = x * sigma, rest = splat(1) - sigma;
	store(value, a);
	store(slope, multiply_add(a, rest, sigma));
	if (curvature) store(curvature, sigma * rest * multiply_add(x, rest - sigma, splat(2)));
}

// The value to which a product is added, and the operation on the sum.
enum { FROM_ZERO, FROM_BIAS, FROM_OUTPUT };
enum { IDENTITY, SILU, SILU_AND_CURVATURE, TIMES_SLOPE, TIMES_SLOPE_AND_PLAIN };

// finish applies the operation of a product to a sum and stores the result.
INLINE void finish(vector sum, float *to, float *slope, float *extra, int operation) {
	if (operation == SILU || operation == SILU_AND_CURVATURE)
		silu(sum, to, slope, operation == SILU_AND_CURVATURE ? extra : 0);
	else if (operation == TIMES_SLOPE || operation == TIMES_SLOPE_AND_PLAIN)
		store(to, sum * load(slope));
	else
		store(to, sum);
	if (operation == TIMES_SLOPE_AND_PLAIN) store(extra, sum);
}

// product sets to to a·b, [rows, columns] from [rows, inner] and [inner, columns]. Element (r, k)
// of a is at r·step + k·stride. The product is added to zero, to a bias of each column or to the
// values in to. The operation stores the SiLU and its slope, or multiplies by a slope that is
// there. extra takes the second derivative of the SiLU, or the product without the slope. Rows are
// a multiple of eight, columns of 32.
INLINE void product(int rows, int inner, int columns, const float *a, int step, int stride, const float *b,
	const float *bias, float *to, float *slope, float *extra, int from, int operation) {
	for (int c = 0; c < columns; c += 2 * WIDTH)
		for (int r = 0; r < rows; r += ROWS) {
			const float *left = a + (long)r * step, *right = b + c;
			long corner = (long)r * columns + c;
			vector sum[ROWS][2];
			for (int i = 0; i < ROWS; i++)
				for (int v = 0; v < 2; v++)
					sum[i][v] = from == FROM_ZERO ? splat(0)
						: from == FROM_BIAS ? load(bias + c + v * WIDTH)
						: load(to + corner + i * columns + v * WIDTH);
			for (int k = 0; k < inner; k++, right += columns, left += stride) {
				vector first = load(right), second = load(right + WIDTH);
				for (int i = 0; i < ROWS; i++) {
					vector x = splat(left[i * step]);
					sum[i][0] = multiply_add(x, first, sum[i][0]), sum[i][1] = multiply_add(x, second, sum[i][1]);
				}
			}
			for (int i = 0; i < ROWS; i++)
				for (int v = 0; v < 2; v++) {
					long at = corner + i * columns + v * WIDTH;
					finish(sum[i][v], to + at, slope + at, extra + at, operation);
				}
		}
}

FUNCTION void dense(int rows, int h, const float *x, const float *weights, const float *bias, float *to) {
	product(rows, h, h, x, h, 1, weights, bias, to, to, to, FROM_BIAS, IDENTITY);
}

FUNCTION void dense_more(int rows, int h, const float *x, const float *weights, float *to) {
	product(rows, h, h, x, h, 1, weights, 0, to, to, to, FROM_OUTPUT, IDENTITY);
}

FUNCTION void dense_silu(int rows, int h, const float *x, const float *weights, const float *bias, float *to,
	float *slope, float *curvature) {
	if (curvature)
		product(rows, h, h, x, h, 1, weights, bias, to, slope, curvature, FROM_BIAS, SILU_AND_CURVATURE);
	else
		product(rows, h, h, x, h, 1, weights, bias, to, slope, to, FROM_BIAS, SILU);
}

FUNCTION void dense_more_silu(int rows, int h, const float *x, const float *weights, float *to,
	float *slope, float *curvature) {
	if (curvature)
		product(rows, h, h, x, h, 1, weights, 0, to, slope, curvature, FROM_OUTPUT, SILU_AND_CURVATURE);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, slope, to, FROM_OUTPUT, SILU);
}

// dense_slope sets to to x·weights times a slope. Given x, the derivative of a layer's input, that
// is the derivative of its SiLU. Given the cotangent of a layer's output and transposed weights, it
// is the cotangent of the argument of the SiLU before. plain takes the product without the slope,
// unless it is null.
FUNCTION void dense_slope(int rows, int h, const float *x, const float *weights, float *to,
	const float *slope, float *plain) {
	if (plain)
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, plain, FROM_ZERO, TIMES_SLOPE_AND_PLAIN);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, to, FROM_ZERO, TIMES_SLOPE);
}

FUNCTION void dense_more_slope(int rows, int h, const float *x, const float *weights, float *to,
	const float *slope, float *plain) {
	if (plain)
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, plain, FROM_OUTPUT, TIMES_SLOPE_AND_PLAIN);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, to, FROM_OUTPUT, TIMES_SLOPE);
}

// weights_back adds to the cotangent of weights, from the cotangent g of x·weights.
FUNCTION void weights_back(int rows, int h, const float *x, const float *g, float *to) {
	product(h, rows, h, x, 1, h, g, 0, to, to, to, FROM_OUTPUT, IDENTITY);
}

// sum_rows adds the sum over rows. Of cotangents this is the cotangent of a bias.
FUNCTION void sum_rows(int rows, int h, const float *x, float *to) {
	for (int c = 0; c < h; c += WIDTH) {
		vector sum = splat(0);
		for (int r = 0; r < rows; r++) sum += load(x + (long)r * h + c);
		add(to + c, sum);
	}
}

FUNCTION void add_to(long count, const float *x, float *to) {
	for (long k = 0; k < count; k += WIDTH) add(to + k, load(x + k));
}

INLINE float inner_product(int h, const float *a, const float *b) {
	vector sum = load(a) * load(b);
	for (int c = WIDTH; c < h; c += WIDTH) sum = multiply_add(load(a + c), load(b + c), sum);
	return total(sum);
}
