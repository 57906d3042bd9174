// The EGNN's value and the gradient of its regression by hand, with the vectors that the including file defines. Eight configurations
// are taken at a time: rows of features are [particle or edge, configuration, hidden], numbers [particle or edge, configuration], so that
// every layer of a network is one matrix product of some hundred rows that stay in the cache. The edge from i to j is edge(i, j); in the
// first layer, where all particles have the same features, both edges of a pair are the same row, and the particles are one.

#include "network.h"
#include <string.h>

#define LANES 8
#define REGULARISER 1e-6f

INLINE void add(float *to, vector v) { store(to, load(to) + v); }

INLINE vector exponential(vector x) {
	x = within(x, -87, 87);
	vector k = whole(x * splat(1.44269504f)), r = multiply_add(k, splat(-0.693359375f), x), p = splat(1.0f / 720);
	r = multiply_add(k, splat(2.12194440e-4f), r); // ln 2 in two parts
	p = multiply_add(p, r, splat(1.0f / 120)), p = multiply_add(p, r, splat(1.0f / 24)), p = multiply_add(p, r, splat(1.0f / 6));
	p = multiply_add(p, r, splat(0.5f)), p = multiply_add(p, r, splat(1)), p = multiply_add(p, r, splat(1));
	return scaled(p, k);
}

// silu stores x·σ(x) and its derivative, and the second one where there is room for it.
INLINE void silu(vector x, float *value, float *slope, float *curve) {
	vector sigma = splat(1) / (splat(1) + exponential(-x)), a = x * sigma, rest = splat(1) - sigma;
	store(value, a);
	store(slope, multiply_add(a, rest, sigma));
	if (curve) store(curve, sigma * rest * multiply_add(x, rest - sigma, splat(2)));
}

// What a matrix product begins with, and what becomes of it.
enum { FROM_ZERO, FROM_BIAS, FROM_THERE };
enum { AS_IT_IS, SILU, SILU_AND_CURVE, TIMES_SLOPE, TIMES_SLOPE_AND_PLAIN };

// product is to = a·b, [rows, columns] from [rows, inner] and [inner, columns]; element (r, k) of a is at r·step + k·stride. It begins with
// nothing, with a bias for each column or with what to holds, and stores the SiLU and its slope where that is asked for, or multiplies by a
// slope that is there; curve takes the SiLU's second derivative, or the product without the slope. Rows are a multiple of eight, columns of
// 32.
INLINE void product(int rows, int inner, int columns, const float *a, int step, int stride, const float *b, const float *bias, float *to,
	float *slope, float *curve, int from, int become) {
	for (int c = 0; c < columns; c += 2 * WIDTH)
		for (int r = 0; r < rows; r += ROWS) {
			const float *left = a + (long)r * step, *right = b + c;
			float *out = to + (long)r * columns + c, *out_slope = slope + (long)r * columns + c, *out_curve = curve + (long)r * columns + c;
			vector sum[ROWS][2];
			for (int i = 0; i < ROWS; i++)
				for (int v = 0; v < 2; v++)
					sum[i][v] = from == FROM_ZERO ? splat(0) : from == FROM_BIAS ? load(bias + c + v * WIDTH) : load(out + i * columns + v * WIDTH);
			for (int k = 0; k < inner; k++, right += columns, left += stride) {
				vector first = load(right), second = load(right + WIDTH);
				for (int i = 0; i < ROWS; i++) {
					vector x = splat(left[i * step]);
					sum[i][0] = multiply_add(x, first, sum[i][0]), sum[i][1] = multiply_add(x, second, sum[i][1]);
				}
			}
			for (int i = 0; i < ROWS; i++)
				for (int v = 0; v < 2; v++) {
					int where = i * columns + v * WIDTH;
					if (become == SILU || become == SILU_AND_CURVE)
						silu(sum[i][v], out + where, out_slope + where, become == SILU_AND_CURVE ? out_curve + where : 0);
					else if (become == TIMES_SLOPE || become == TIMES_SLOPE_AND_PLAIN)
						store(out + where, sum[i][v] * load(out_slope + where));
					else
						store(out + where, sum[i][v]);
					if (become == TIMES_SLOPE_AND_PLAIN) store(out_curve + where, sum[i][v]);
				}
		}
}

EXPORT static void dense(int rows, int h, const float *x, const float *weights, const float *bias, float *to) {
	product(rows, h, h, x, h, 1, weights, bias, to, to, to, FROM_BIAS, AS_IT_IS);
}

EXPORT static void dense_more(int rows, int h, const float *x, const float *weights, float *to) {
	product(rows, h, h, x, h, 1, weights, 0, to, to, to, FROM_THERE, AS_IT_IS);
}

EXPORT static void dense_silu(int rows, int h, const float *x, const float *weights, const float *bias, float *to, float *slope, float *curve) {
	if (curve)
		product(rows, h, h, x, h, 1, weights, bias, to, slope, curve, FROM_BIAS, SILU_AND_CURVE);
	else
		product(rows, h, h, x, h, 1, weights, bias, to, slope, to, FROM_BIAS, SILU);
}

EXPORT static void dense_more_silu(int rows, int h, const float *x, const float *weights, float *to, float *slope, float *curve) {
	if (curve)
		product(rows, h, h, x, h, 1, weights, 0, to, slope, curve, FROM_THERE, SILU_AND_CURVE);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, slope, to, FROM_THERE, SILU);
}

// dense_slope is x·weights times a slope: how a layer's SiLU moves as x does; with the weights turned, what a cotangent of a layer makes of
// what its input was the SiLU of. plain takes the product without the slope, if it is not null.
EXPORT static void dense_slope(int rows, int h, const float *x, const float *weights, float *to, const float *slope, float *plain) {
	if (plain)
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, plain, FROM_ZERO, TIMES_SLOPE_AND_PLAIN);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, to, FROM_ZERO, TIMES_SLOPE);
}

EXPORT static void dense_more_slope(int rows, int h, const float *x, const float *weights, float *to, const float *slope, float *plain) {
	if (plain)
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, plain, FROM_THERE, TIMES_SLOPE_AND_PLAIN);
	else
		product(rows, h, h, x, h, 1, weights, 0, to, (float *)slope, to, FROM_THERE, TIMES_SLOPE);
}

// weights_back adds what a cotangent of x·weights makes of the weights.
EXPORT static void weights_back(int rows, int h, const float *x, const float *g, float *to) {
	product(h, rows, h, x, 1, h, g, 0, to, to, to, FROM_THERE, AS_IT_IS);
}

// sum_rows adds the sum over rows, which is what their cotangents make of a bias.
EXPORT static void sum_rows(int rows, int h, const float *x, float *to) {
	for (int c = 0; c < h; c += WIDTH) {
		vector sum = splat(0);
		for (int r = 0; r < rows; r++) sum += load(x + (long)r * h + c);
		add(to + c, sum);
	}
}

// weigh_rows adds the sum over rows, each times a number.
EXPORT static void weigh_rows(int rows, int h, const float *x, const float *numbers, float *to) {
	for (int c = 0; c < h; c += WIDTH) {
		vector sum = splat(0);
		for (int r = 0; r < rows; r++) sum = multiply_add(splat(numbers[r]), load(x + (long)r * h + c), sum);
		add(to + c, sum);
	}
}

EXPORT static void add_to(long count, const float *x, float *to) {
	for (long k = 0; k < count; k += WIDTH) add(to + k, load(x + k));
}

INLINE float inner_product(int h, const float *a, const float *b) {
	vector sum = load(a) * load(b);
	for (int c = WIDTH; c < h; c += WIDTH) sum = multiply_add(load(a + c), load(b + c), sum);
	return total(sum);
}

// layer is where a layer's parameters lie, or their transposes or gradients.
typedef struct {
	float *to, *from, *distance, *start, *edge_bias, *message, *message_bias, *pull, *pull_bias, *strength;
	float *own, *heard, *update_bias, *update, *update_out_bias; // not in the last layer
} layer;

// take returns where the next count numbers lie.
static float *take(float **at, long count) {
	float *here = *at;
	*at += count;
	return here;
}

static layer layer_at(const eqflow_egnn *f, const float *parameters, int k) {
	int h = f->hidden;
	float *at = (float *)parameters + (f->times + 1) * h + k * (7L * h * h + 8 * h);
	layer l = {take(&at, h * h), take(&at, h * h), take(&at, h), take(&at, h), take(&at, h), take(&at, h * h), take(&at, h), take(&at, h * h),
		take(&at, h), take(&at, h)};
	if (k < f->layers - 1)
		l.own = take(&at, h * h), l.heard = take(&at, h * h), l.update_bias = take(&at, h), l.update = take(&at, h * h), l.update_out_bias = take(&at, h);
	return l;
}

// What is kept of the rows: of one particle's at a time, which the way back then computes again; of all; and their second derivatives.
enum { IN_TURN, ALL, ALL_CURVED };

// kept is what the way back needs of a layer.
typedef struct {
	int keeps;
	float *features;                          // of the particles, on the layer's input
	float *offset, *distance, *strength;      // of the edges [edge, dim, lane], [edge, lane]; the strength of rows
	float *first, *first_slope, *message, *message_slope, *third, *third_slope; // of rows
	float *heard, *hidden, *hidden_slope;     // of the particles
	float *first_curve, *message_curve, *third_curve, *hidden_curve; // null where no second derivatives are asked for
} kept;

// keep finds room for what all layers keep.
static void keep(const eqflow_egnn *f, float **at, int keeps, kept *l) {
	int n = f->n, edges = n * (n - 1);
	long node = (long)LANES * f->hidden;
	for (int k = 0; k < f->layers; k++) {
		int rows = keeps == IN_TURN ? n - 1 : k ? edges : edges / 2;
		l[k] = (kept){keeps, take(at, (k ? n : 1) * node), take(at, edges * f->dim * LANES), take(at, edges * LANES), take(at, (k ? edges : edges / 2) * LANES)};
		l[k].heard = take(at, n * node), l[k].hidden = take(at, n * node), l[k].hidden_slope = take(at, n * node);
		if (k && keeps == IN_TURN) {
			l[k].first = l[0].first, l[k].first_slope = l[0].first_slope, l[k].message = l[0].message;
			l[k].message_slope = l[0].message_slope, l[k].third = l[0].third, l[k].third_slope = l[0].third_slope;
			continue;
		}
		l[k].first = take(at, rows * node), l[k].first_slope = take(at, rows * node), l[k].message = take(at, rows * node);
		l[k].message_slope = take(at, rows * node), l[k].third = take(at, rows * node), l[k].third_slope = take(at, rows * node);
		if (keeps == ALL_CURVED)
			l[k].first_curve = take(at, rows * node), l[k].message_curve = take(at, rows * node), l[k].third_curve = take(at, rows * node),
			l[k].hidden_curve = take(at, n * node);
	}
}

// keeps_best is IN_TURN where all would be too much for the caches, which costs more than to compute the rows again.
static int keeps_best(const eqflow_egnn *f) { return (long)f->n * (f->n - 1) * f->hidden * f->layers > 1 << 18 ? IN_TURN : ALL; }

// scratch is what the block of configurations needs besides.
typedef struct {
	float *x, *y, *gy, *gy_next; // [particle, dim, lane]
	float *time;                 // [lane, times]
	float *to, *from, *gh, *gu, *g_heard, *g_to, *g_from; // of the particles
	float *g, *g_next;           // of rows
	float *gs, *gd, *g_start;    // of edges
} scratch;

static scratch scratch_at(const eqflow_egnn *f, float **at) {
	int n = f->n, edges = n * (n - 1);
	long place = n * f->dim * LANES, node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	return (scratch){take(at, place), take(at, place), take(at, place), take(at, place), take(at, LANES * f->times), take(at, node), take(at, node),
		take(at, node), take(at, node), take(at, node), take(at, node), take(at, node), take(at, row), take(at, row), take(at, edges * LANES), take(at, edges * LANES),
		take(at, edges * LANES)};
}

INLINE int edge(int n, int i, int j) { return i * (n - 1) + (j < i ? j : j - 1); }

// row_of is the row of features of the edge from i to j: in the first layer that of the pair.
INLINE int row_of(int n, int k, int i, int j) {
	if (k) return edge(n, i, j);
	int low = i < j ? i : j, high = i < j ? j : i;
	return low * (2 * n - low - 1) / 2 + high - low - 1;
}

// span are the rows of particles from … to, which lie side by side.
typedef struct {
	int from, to, base, rows;
} span;

INLINE span span_of(const eqflow_egnn *f, int k, int keeps, int i) {
	int n = f->n, edges = n * (n - 1);
	if (keeps != IN_TURN) return (span){0, n, 0, k ? edges : edges / 2};
	return (span){i, i + 1, k ? i * (n - 1) : row_of(n, 0, i, i + 1), k ? n - 1 : n - 1 - i};
}

INLINE int next_span(int n, int keeps, int i) { return keeps == IN_TURN ? i + 1 : n; }

typedef __m256 lanes;

INLINE lanes lanes_at(const float *from) { return _mm256_loadu_ps(from); }
INLINE void keep_lanes(float *to, lanes v) { _mm256_storeu_ps(to, v); }
INLINE lanes lanes_of(float a) { return _mm256_set1_ps(a); }

// measure sets the offsets and distances of all edges.
EXPORT static void measure(const eqflow_egnn *f, const float *y, kept *l) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes square = lanes_of(REGULARISER);
			for (int c = 0; c < dim; c++) {
				lanes r = lanes_at(y + (i * dim + c) * LANES) - lanes_at(y + (j * dim + c) * LANES);
				keep_lanes(l->offset + (e * dim + c) * LANES, r);
				square += r * r;
			}
			keep_lanes(l->distance + e * LANES, _mm256_sqrt_ps(square));
		}
}

// pull moves the particles along their edges.
EXPORT static void pull(const eqflow_egnn *f, int k, const kept *l, float *y) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes share = lanes_at(l->strength + row_of(n, k, i, j) * LANES) / (lanes_at(l->distance + e * LANES) + lanes_of(1));
			for (int c = 0; c < dim; c++) {
				float *at = y + (i * dim + c) * LANES;
				keep_lanes(at, lanes_at(at) + share * lanes_at(l->offset + (e * dim + c) * LANES));
			}
		}
}

// hear adds the messages of a span to what the particles hear.
EXPORT static void hear(const eqflow_egnn *f, int k, span p, kept *l) {
	int n = f->n;
	long node = (long)LANES * f->hidden;
	for (int i = p.from; i < p.to; i++)
		for (int j = k ? 0 : i + 1; j < n; j++) {
			if (i == j) continue;
			const float *message = l->message + (row_of(n, k, i, j) - p.base) * node;
			add_to(node, message, l->heard + i * node);
			if (!k) add_to(node, message, l->heard + j * node);
		}
}

// inputs sets what the particles add to the rows, to their own and to those of others.
EXPORT static void inputs(const eqflow_egnn *f, int k, const layer *w, const kept *l, scratch *s) {
	int h = f->hidden, nodes = (k ? f->n : 1) * LANES;
	dense(nodes, h, l->features, w->to, w->edge_bias, s->to);
	memset(s->from, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, l->features, w->from, s->from);
}

// rows computes those of a span; start is the distances in the first layer.
EXPORT static void rows(const eqflow_egnn *f, int k, const layer *w, span p, const float *start, kept *l, const scratch *s) {
	int n = f->n, h = f->hidden;
	for (int i = p.from; i < p.to; i++)
		for (int j = k ? 0 : i + 1; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j), row = row_of(n, k, i, j) - p.base;
			for (int lane = 0; lane < LANES; lane++) {
				const float *here = s->to + ((k ? i : 0) * LANES + lane) * (long)h, *there = s->from + ((k ? j : 0) * LANES + lane) * (long)h;
				vector now = splat(l->distance[e * LANES + lane] - f->middle), then = splat(start[e * LANES + lane] - f->middle);
				long at = ((long)row * LANES + lane) * h;
				for (int c = 0; c < h; c += WIDTH) {
					vector in = load(here + c) + load(there + c);
					in = multiply_add(now, load(w->distance + c), multiply_add(then, load(w->start + c), in));
					silu(in, l->first + at + c, l->first_slope + at + c, l->first_curve ? l->first_curve + at + c : 0);
				}
			}
		}
	dense_silu(p.rows * LANES, h, l->first, w->message, w->message_bias, l->message, l->message_slope, l->message_curve);
	dense_silu(p.rows * LANES, h, l->message, w->pull, w->pull_bias, l->third, l->third_slope, l->third_curve);
}

// spread copies the rows of one particle for n.
static void spread(int n, long node, float *rows) {
	for (int i = 1; i < n; i++) memcpy(rows + i * node, rows, sizeof(float) * node);
}

// update sets the next layer's features.
EXPORT static void update(const eqflow_egnn *f, int k, const layer *w, kept *l, float *next) {
	int n = f->n, h = f->hidden, nodes = k ? n : 1;
	long node = (long)LANES * h;
	dense(nodes * LANES, h, l->features, w->own, w->update_bias, l->hidden);
	memcpy(next, l->features, sizeof(float) * nodes * node);
	if (!k) spread(n, node, l->hidden), spread(n, node, next);
	dense_more_silu(n * LANES, h, l->heard, w->heard, l->hidden, l->hidden_slope, l->hidden_curve);
	for (long at = 0; at < n * node; at += h)
		for (int c = 0; c < h; c += WIDTH) add(next + at + c, load(w->update_out_bias + c));
	dense_more(n * LANES, h, l->hidden, w->update, next);
}

// forward takes the positions y through all layers.
EXPORT static void forward(const eqflow_egnn *f, const float *parameters, kept *l, scratch *s) {
	int n = f->n, h = f->hidden;
	for (int lane = 0; lane < LANES; lane++)
		for (int c = 0; c < h; c += WIDTH) {
			vector sum = load(parameters + f->times * h + c);
			for (int t = 0; t < f->times; t++) sum = multiply_add(splat(s->time[lane * f->times + t]), load(parameters + t * h + c), sum);
			store(l[0].features + lane * h + c, sum);
		}
	for (int k = 0; k < f->layers; k++) {
		layer w = layer_at(f, parameters, k);
		measure(f, s->y, &l[k]);
		inputs(f, k, &w, &l[k], s);
		memset(l[k].heard, 0, sizeof(float) * n * LANES * h);
		for (int i = 0; i < n; i = next_span(n, l->keeps, i)) {
			span p = span_of(f, k, l->keeps, i);
			rows(f, k, &w, p, l[0].distance, &l[k], s);
			for (int r = 0; r < p.rows * LANES; r++) l[k].strength[p.base * LANES + r] = inner_product(h, l[k].third + (long)r * h, w.strength);
			if (k < f->layers - 1) hear(f, k, p, &l[k]);
		}
		pull(f, k, &l[k], s->y);
		if (k < f->layers - 1) update(f, k, &w, &l[k], l[k + 1].features);
	}
}

// pull_back sets, from the positions' cotangents gy, those of the strengths gs and of the distances gd, of edges, and adds to gy_next what
// comes through the offsets.
EXPORT static void pull_back(const eqflow_egnn *f, int k, const kept *l, scratch *s) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes inverse = lanes_of(1) / (lanes_at(l->distance + e * LANES) + lanes_of(1)), along = lanes_of(0);
			lanes share = lanes_at(l->strength + row_of(n, k, i, j) * LANES) * inverse;
			for (int c = 0; c < dim; c++) {
				lanes g = lanes_at(s->gy + (i * dim + c) * LANES);
				float *here = s->gy_next + (i * dim + c) * LANES, *there = s->gy_next + (j * dim + c) * LANES;
				along += g * lanes_at(l->offset + (e * dim + c) * LANES);
				keep_lanes(here, lanes_at(here) + g * share), keep_lanes(there, lanes_at(there) - g * share);
			}
			keep_lanes(s->gs + e * LANES, along * inverse);
			keep_lanes(s->gd + e * LANES, -along * share * inverse);
		}
}

// measure_back adds to gy_next what comes through the distances.
EXPORT static void measure_back(const eqflow_egnn *f, const kept *l, scratch *s) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes share = lanes_at(s->gd + e * LANES) / lanes_at(l->distance + e * LANES);
			for (int c = 0; c < dim; c++) {
				lanes g = share * lanes_at(l->offset + (e * dim + c) * LANES);
				float *here = s->gy_next + (i * dim + c) * LANES, *there = s->gy_next + (j * dim + c) * LANES;
				keep_lanes(here, lanes_at(here) + g), keep_lanes(there, lanes_at(there) - g);
			}
		}
}

// bent are cotangents of a layer's values that the directions of a divergence make.
typedef struct {
	float *offset, *distance, *strength;     // of the edges
	float *inputs, *second, *third, *hidden; // what the SiLUs are of, of rows and particles
} bent;

// The way back goes either to the parameters, adding to g, the gradient by a layer's; or, where g is null, to the configuration. made is what
// directions have made of the layer's values, or null.

// update_back takes gh, the cotangent of a layer's outgoing features, to that of its own, and sets that of what each particle has heard.
EXPORT static void update_back(const eqflow_egnn *f, int k, const layer *turned, const kept *l, scratch *s, const layer *g, const bent *made) {
	int n = f->n, h = f->hidden, nodes = n * LANES;
	long node = (long)LANES * h;
	dense_slope(nodes, h, s->gh, turned->update, s->gu, l->hidden_slope, 0);
	if (made) add_to(n * node, made->hidden, s->gu);
	if (g) {
		weights_back(nodes, h, l->hidden, s->gh, g->update);
		sum_rows(nodes, h, s->gh, g->update_out_bias);
		weights_back(nodes, h, l->heard, s->gu, g->heard);
		sum_rows(nodes, h, s->gu, g->update_bias);
	}
	memset(s->g_heard, 0, sizeof(float) * n * node);
	dense_more(nodes, h, s->gu, turned->heard, s->g_heard);
	if (!k) {
		for (int i = 1; i < n; i++) add_to(node, s->gu + i * node, s->gu), add_to(node, s->gh + i * node, s->gh);
		nodes = LANES;
	}
	if (g) weights_back(nodes, h, l->features, s->gu, g->own);
	dense_more(nodes, h, s->gu, turned->own, s->gh);
}

// rows_back takes the cotangents gs of the edges' strengths, and those of what was heard, to what the rows of a span are made of.
EXPORT static void rows_back(const eqflow_egnn *f, int k, const layer *w, const layer *turned, span p, const kept *l, scratch *s, const layer *g,
	const bent *made) {
	int n = f->n, h = f->hidden, count = p.rows * LANES;
	long node = (long)LANES * h, all = (long)count * h, from = p.base * node;
	memset(s->g_next, 0, sizeof(float) * all);
	for (int i = p.from; i < p.to; i++)
		for (int j = k ? 0 : i + 1; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j), back = edge(n, j, i), row = row_of(n, k, i, j) - p.base;
			for (int lane = 0; lane < LANES; lane++) {
				float gs = s->gs[e * LANES + lane] + (k ? 0 : s->gs[back * LANES + lane]);
				long at = row * node + lane * h;
				for (int c = 0; c < h; c += WIDTH) {
					if (g) add(g->strength + c, splat(gs) * load(l->third + at + c));
					store(s->g + at + c, splat(gs) * load(w->strength + c) * load(l->third_slope + at + c));
				}
			}
			if (k == f->layers - 1) continue;
			add_to(node, s->g_heard + i * node, s->g_next + row * node);
			if (!k) add_to(node, s->g_heard + j * node, s->g_next + row * node);
		}
	if (made) add_to(all, made->third + from, s->g);
	if (g) sum_rows(count, h, s->g, g->pull_bias), weights_back(count, h, l->message, s->g, g->pull);
	dense_more_slope(count, h, s->g, turned->pull, s->g_next, l->message_slope, 0);
	if (made) add_to(all, made->second + from, s->g_next);
	if (g) sum_rows(count, h, s->g_next, g->message_bias), weights_back(count, h, l->first, s->g_next, g->message);
	dense_slope(count, h, s->g_next, turned->message, s->g, l->first_slope, 0);
	if (made) add_to(all, made->inputs + from, s->g);
	if (g) sum_rows(count, h, s->g, g->edge_bias);
}

// inputs_back takes the cotangents of what the rows of a span are made of to the distances, those at the start, of the edges, among them, and
// to what the particles add.
EXPORT static void inputs_back(const eqflow_egnn *f, int k, const layer *w, span p, const kept *l, const float *start, scratch *s, const layer *g) {
	int n = f->n, h = f->hidden;
	long node = (long)LANES * h;
	for (int i = p.from; i < p.to; i++)
		for (int j = k ? 0 : i + 1; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			const float *row = s->g + (row_of(n, k, i, j) - p.base) * node;
			for (int lane = 0; lane < LANES; lane++) {
				int at = e * LANES + lane;
				for (int c = 0; c < h && g; c += WIDTH) {
					vector x = load(row + lane * h + c);
					add(g->distance + c, splat(l->distance[at] - f->middle) * x), add(g->start + c, splat(start[at] - f->middle) * x);
				}
				if (k || !g) s->gd[at] += inner_product(h, row + lane * h, w->distance);
				if (!g) s->g_start[at] += inner_product(h, row + lane * h, w->start);
			}
			add_to(node, row, s->g_to + (k ? i : 0) * node);
			add_to(node, row, s->g_from + (k ? j : 0) * node);
		}
}

// features_back takes the cotangents of what the particles add to the rows to their features.
EXPORT static void features_back(const eqflow_egnn *f, int k, const layer *turned, const kept *l, scratch *s, const layer *g) {
	int h = f->hidden, nodes = (k ? f->n : 1) * LANES;
	if (g) weights_back(nodes, h, l->features, s->g_to, g->to), weights_back(nodes, h, l->features, s->g_from, g->from);
	dense_more(nodes, h, s->g_to, turned->to, s->gh);
	dense_more(nodes, h, s->g_from, turned->from, s->gh);
}

INLINE void add_lanes(float *to, lanes v) { keep_lanes(to, lanes_at(to) + v); }

// offsets_back adds to gy_next what directions have made of the offsets.
EXPORT static void offsets_back(const eqflow_egnn *f, const bent *made, scratch *s) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			for (int c = 0; c < dim && i != j; c++) {
				lanes g = lanes_at(made->offset + (edge(n, i, j) * dim + c) * LANES);
				add_lanes(s->gy_next + (i * dim + c) * LANES, g), add_lanes(s->gy_next + (j * dim + c) * LANES, -g);
			}
}

// back takes the cotangents gy of the positions at the end to the parameters, adding to gradient, or to the configuration where that is null,
// in gy too.
EXPORT static void back(const eqflow_egnn *f, const float *parameters, const float *turned, kept *l, scratch *s, float *gradient,
	const bent *made) {
	int n = f->n, h = f->hidden, edges = n * (n - 1) * LANES;
	long place = n * f->dim * LANES;
	memset(s->gh, 0, sizeof(float) * n * LANES * h);
	memset(s->g_start, 0, sizeof(float) * edges);
	for (int k = f->layers - 1; k >= 0; k--) {
		layer w = layer_at(f, parameters, k), t = layer_at(f, turned, k), here = layer_at(f, gradient ? gradient : parameters, k), *g = gradient ? &here : 0;
		const bent *m = made ? &made[k] : 0;
		memcpy(s->gy_next, s->gy, sizeof(float) * place);
		pull_back(f, k, &l[k], s);
		if (m) add_to(edges, m->strength, s->gs), add_to(edges, m->distance, s->gd);
		if (k < f->layers - 1) update_back(f, k, &t, &l[k], s, g, m);
		if (l->keeps == IN_TURN) inputs(f, k, &w, &l[k], s);
		memset(s->g_to, 0, sizeof(float) * n * LANES * h), memset(s->g_from, 0, sizeof(float) * n * LANES * h);
		for (int i = 0; i < n; i = next_span(n, l->keeps, i)) {
			span p = span_of(f, k, l->keeps, i);
			if (l->keeps == IN_TURN) rows(f, k, &w, p, l[0].distance, &l[k], s);
			rows_back(f, k, &w, &t, p, &l[k], s, g, m);
			inputs_back(f, k, &w, p, &l[k], l[0].distance, s, g);
		}
		features_back(f, k, &t, &l[k], s, g);
		if (!k && g) break;
		if (!k) add_to(edges, s->g_start, s->gd);
		measure_back(f, &l[k], s);
		if (m) offsets_back(f, m, s);
		memcpy(s->gy, s->gy_next, sizeof(float) * place);
	}
	if (!gradient) return;
	for (int lane = 0; lane < LANES; lane++)
		for (int c = 0; c < h; c += WIDTH) {
			vector gh = load(s->gh + lane * h + c);
			for (int t = 0; t < f->times; t++) add(gradient + t * h + c, splat(s->time[lane * f->times + t]) * gh);
			add(gradient + f->times * h + c, gh);
		}
}

// misses sets the cotangents of the positions at the end, and returns Σ |v − want|² over the configurations that count.
static double misses(const eqflow_egnn *f, scratch *s, int count, const float *want, float share) {
	int n = f->n, dim = f->dim;
	double sum = 0;
	memset(s->gy, 0, sizeof(float) * n * dim * LANES);
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float mean = 0, mean_miss = 0;
			for (int i = 0; i < n; i++) mean += s->y[(i * dim + c) * LANES + lane] - s->x[(i * dim + c) * LANES + lane];
			for (int i = 0; i < n; i++) {
				int at = (i * dim + c) * LANES + lane;
				float miss = s->y[at] - s->x[at] - mean / n - want[(lane * n + i) * dim + c];
				sum += (double)miss * miss, mean_miss += miss;
				s->gy[at] = miss;
			}
			for (int i = 0; i < n; i++) {
				float *at = s->gy + (i * dim + c) * LANES + lane;
				*at = 2 * share * (*at - mean_miss / n);
			}
		}
	return sum;
}

// read fills the lanes with configurations from … of count, those beyond the last with the last again, and tells how many are new.
EXPORT static int read(const eqflow_egnn *f, int from, int count, const float *x, const float *t, scratch *s) {
	int width = f->n * f->dim, here = count - from < LANES ? count - from : LANES;
	for (int lane = 0; lane < LANES; lane++) {
		int at = from + (lane < here ? lane : here - 1);
		for (int c = 0; c < width; c++) s->x[c * LANES + lane] = x[at * width + c];
		memcpy(s->time + lane * f->times, t + at * f->times, sizeof(float) * f->times);
	}
	memcpy(s->y, s->x, sizeof(float) * width * LANES);
	return here;
}

EXPORT double NAME(eqflow_egnn_match)(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x,
	const float *t, const float *want, float share, float *space, float *g) {
	double loss = 0;
	kept l[f->layers];
	keep(f, &space, keeps_best(f), l);
	scratch s = scratch_at(f, &space);
	for (int from = 0; from < count; from += LANES) {
		int here = read(f, from, count, x, t, &s);
		forward(f, parameters, l, &s);
		loss += misses(f, &s, here, want + from * f->n * f->dim, share);
		back(f, parameters, turned, l, &s, g, 0);
	}
	return loss;
}
