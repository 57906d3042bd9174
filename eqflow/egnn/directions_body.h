// How the EGNN moves with its input, direction by direction: every one is a linear pass through the slopes that the value has left.

// moved is how what a layer has computed moves, where the way back from a direction needs it.
typedef struct {
	float *offset, *distance, *strength;      // of the edges
	float *inputs, *second, *third, *hidden;  // what the SiLUs are of, of rows and particles; null where there is no way back
} moved;

// along is what a direction needs besides: derivatives of what has the same name in kept and scratch.
typedef struct {
	float *y, *features, *heard, *hidden, *to, *from; // of the particles
	float *first, *message;                           // of rows
	float *by_distance, *s_by_distance; // of the first layer's messages and strengths by the distance
	float *slope;                       // of the last layer's strengths by what its rows are made of [edge, lane, hidden]
	float *second_by_distance, *third_by_distance, *second_slope, *first_slope_plain; // on the way to these, before slopes; or null
} along;

static moved moved_at(const eqflow_egnn *f, float **at, int curved) {
	int edges = f->n * (f->n - 1);
	long node = (long)f->n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	moved m = {take(at, edges * f->dim * LANES), take(at, edges * LANES), take(at, edges * LANES)};
	if (curved) m.inputs = take(at, row), m.second = take(at, row), m.third = take(at, row), m.hidden = take(at, node);
	return m;
}

static along along_at(const eqflow_egnn *f, float **at, int curved) {
	int n = f->n, edges = n * (n - 1);
	long node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	along a = {take(at, n * f->dim * LANES), take(at, node), take(at, node), take(at, node), take(at, node), take(at, node), take(at, row), take(at, row),
		take(at, row / 2), take(at, edges / 2 * LANES), take(at, row)};
	if (curved) a.second_by_distance = take(at, row / 2), a.third_by_distance = take(at, row / 2), a.second_slope = take(at, row), a.first_slope_plain = take(at, row);
	return a;
}

// strengths_along sets the products of rows with the weights of the strengths.
EXPORT static void strengths_along(int rows, int h, const float *moved, const float *weights, float *to) {
	for (int r = 0; r < rows; r++) to[r] = inner_product(h, moved + (long)r * h, weights);
}

// by_distance sets how the first layer's messages and strengths move with the distance, which is the start's too.
EXPORT static void by_distance(const eqflow_egnn *f, const layer *w, const kept *l, scratch *s, along *a) {
	int h = f->hidden, rows = f->n * (f->n - 1) / 2 * LANES;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) store(s->g + r * h + c, (load(w->distance + c) + load(w->start + c)) * load(l->first_slope + r * h + c));
	dense_slope(rows, h, s->g, w->message, a->by_distance, l->message_slope, a->second_by_distance);
	dense_slope(rows, h, a->by_distance, w->pull, s->g, l->third_slope, a->third_by_distance);
	strengths_along(rows, h, s->g, w->strength, a->s_by_distance);
}

// slopes sets the gradient of the last layer's strengths by what its rows are made of: nothing reads its features, so that every direction
// is a product with it.
EXPORT static void slopes(const eqflow_egnn *f, const layer *w, const layer *turned, const kept *l, scratch *s, along *a) {
	int h = f->hidden, rows = f->n * (f->n - 1) * LANES;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) store(s->g + r * h + c, load(w->strength + c) * load(l->third_slope + r * h + c));
	dense_slope(rows, h, s->g, turned->pull, s->g_next, l->message_slope, a->second_slope);
	dense_slope(rows, h, s->g_next, turned->message, a->slope, l->first_slope, a->first_slope_plain);
}

// measure_along sets how offsets and distances move.
EXPORT static void measure_along(const eqflow_egnn *f, const kept *l, const along *a, moved *m) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes stretch = lanes_of(0);
			for (int c = 0; c < dim; c++) {
				lanes r = lanes_at(a->y + (i * dim + c) * LANES) - lanes_at(a->y + (j * dim + c) * LANES);
				keep_lanes(m->offset + (e * dim + c) * LANES, r);
				stretch += r * lanes_at(l->offset + (e * dim + c) * LANES);
			}
			keep_lanes(m->distance + e * LANES, stretch / lanes_at(l->distance + e * LANES));
		}
}

// input_along is how what a row is made of moves, some columns from c on; start is of the distances in the first layer.
INLINE vector input_along(const eqflow_egnn *f, const layer *w, const along *a, const moved *m, const float *start, int i, int j, int e, int lane, int c) {
	long here = ((long)i * LANES + lane) * f->hidden + c, there = ((long)j * LANES + lane) * f->hidden + c;
	vector in = load(a->to + here) + load(a->from + there);
	return multiply_add(splat(m->distance[e * LANES + lane]), load(w->distance + c), multiply_add(splat(start[e * LANES + lane]), load(w->start + c), in));
}

// rows_along takes the derivatives of what a middle layer's rows are made of to its messages and strengths.
EXPORT static void rows_along(const eqflow_egnn *f, const layer *w, const kept *l, const float *start, scratch *s, along *a, moved *m) {
	int n = f->n, h = f->hidden, rows = n * (n - 1) * LANES;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			for (int lane = 0; lane < LANES; lane++) {
				long at = ((long)e * LANES + lane) * h;
				for (int c = 0; c < h; c += WIDTH) {
					vector in = input_along(f, w, a, m, start, i, j, e, lane, c);
					if (m->inputs) store(m->inputs + at + c, in);
					store(a->first + at + c, in * load(l->first_slope + at + c));
				}
			}
		}
	dense_slope(rows, h, a->first, w->message, a->message, l->message_slope, m->second);
	dense_slope(rows, h, a->message, w->pull, s->g, l->third_slope, m->third);
	strengths_along(rows, h, s->g, w->strength, m->strength);
}

// first_along sets how the first layer's strengths move.
EXPORT static void first_along(const eqflow_egnn *f, const along *a, moved *m) {
	int n = f->n;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j) * LANES;
			keep_lanes(m->strength + e, lanes_at(a->s_by_distance + row_of(n, 0, i, j) * LANES) * lanes_at(m->distance + e));
		}
}

// last_rows_along sets how the last layer's strengths move.
EXPORT static void last_rows_along(const eqflow_egnn *f, const layer *w, const float *start, const along *a, moved *m) {
	int n = f->n, h = f->hidden;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			for (int lane = 0; lane < LANES; lane++) {
				vector sum = splat(0);
				const float *slope = a->slope + ((long)e * LANES + lane) * h;
				for (int c = 0; c < h; c += WIDTH) sum = multiply_add(load(slope + c), input_along(f, w, a, m, start, i, j, e, lane, c), sum);
				m->strength[e * LANES + lane] = total(sum);
			}
		}
}

// hear_along sets how what the particles hear moves.
EXPORT static void hear_along(const eqflow_egnn *f, int k, along *a, const moved *m) {
	int n = f->n, h = f->hidden;
	memset(a->heard, 0, sizeof(float) * n * LANES * h);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j), row = row_of(n, k, i, j);
			for (int lane = 0; lane < LANES; lane++) {
				float *to = a->heard + ((long)i * LANES + lane) * h;
				const float *message = (k ? a->message : a->by_distance) + ((long)row * LANES + lane) * h;
				vector by = splat(k ? 1 : m->distance[e * LANES + lane]);
				for (int c = 0; c < h; c += WIDTH) store(to + c, multiply_add(by, load(message + c), load(to + c)));
			}
		}
}

// pull_along moves the derivatives of the positions.
EXPORT static void pull_along(const eqflow_egnn *f, int k, const kept *l, along *a, const moved *m) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes inverse = lanes_of(1) / (lanes_at(l->distance + e * LANES) + lanes_of(1));
			lanes share = lanes_at(l->strength + row_of(n, k, i, j) * LANES) * inverse;
			lanes change = (lanes_at(m->strength + e * LANES) - share * lanes_at(m->distance + e * LANES)) * inverse;
			for (int c = 0; c < dim; c++) {
				float *at = a->y + (i * dim + c) * LANES;
				lanes pulled = share * lanes_at(m->offset + (e * dim + c) * LANES) + change * lanes_at(l->offset + (e * dim + c) * LANES);
				keep_lanes(at, lanes_at(at) + pulled);
			}
		}
}

// direction returns u·∂_u of what moves the particles, for each lane's direction u [particle, dim, lane].
EXPORT static lanes direction(const eqflow_egnn *f, const float *parameters, const float *u, const kept *l, scratch *s, along *a, moved *m) {
	int n = f->n, h = f->hidden, nodes = n * LANES, width = n * f->dim, last = f->layers - 1;
	memcpy(a->y, u, sizeof(float) * width * LANES);
	for (int k = 0; k <= last; k++) {
		layer w = layer_at(f, parameters, k);
		measure_along(f, &l[k], a, &m[k]);
		if (k) {
			memset(a->to, 0, sizeof(float) * nodes * h), memset(a->from, 0, sizeof(float) * nodes * h);
			dense_more(nodes, h, a->features, w.to, a->to);
			dense_more(nodes, h, a->features, w.from, a->from);
		}
		if (!k)
			first_along(f, a, &m[k]);
		else if (k == last)
			last_rows_along(f, &w, m[0].distance, a, &m[k]);
		else
			rows_along(f, &w, &l[k], m[0].distance, s, a, &m[k]);
		pull_along(f, k, &l[k], a, &m[k]);
		if (k == last) break;
		hear_along(f, k, a, &m[k]);
		memset(a->hidden, 0, sizeof(float) * nodes * h);
		if (k)
			dense_more(nodes, h, a->features, w.own, a->hidden);
		else
			memset(a->features, 0, sizeof(float) * nodes * h);
		dense_more_slope(nodes, h, a->heard, w.heard, a->hidden, l[k].hidden_slope, m[k].hidden);
		dense_more(nodes, h, a->hidden, w.update, a->features);
	}
	lanes product = lanes_of(0);
	for (int c = 0; c < width; c++) product += lanes_at(u + c * LANES) * (lanes_at(a->y + c * LANES) - lanes_at(u + c * LANES));
	return product;
}

// velocities writes those of the lanes that count to v [count, n, dim].
static void velocities(const eqflow_egnn *f, const scratch *s, int count, float *v) {
	int n = f->n, dim = f->dim;
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float mean = 0;
			for (int i = 0; i < n; i++) mean += s->y[(i * dim + c) * LANES + lane] - s->x[(i * dim + c) * LANES + lane];
			for (int i = 0; i < n; i++) {
				int at = (i * dim + c) * LANES + lane;
				v[(lane * n + i) * dim + c] = s->y[at] - s->x[at] - mean / n;
			}
		}
}

EXPORT void NAME(eqflow_egnn_rate)(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	int directions, const float *vectors, float *space, float *v, float *products) {
	int last = f->layers - 1;
	kept l[f->layers];
	moved m[f->layers];
	keep(f, &space, directions ? ALL : keeps_best(f), l);
	scratch s = scratch_at(f, &space);
	along a = along_at(f, &space, 0);
	for (int k = 0; k < f->layers; k++) m[k] = moved_at(f, &space, 0);
	read(f, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	velocities(f, &s, count, v);
	if (!directions) return;
	layer first = layer_at(f, parameters, 0), end = layer_at(f, parameters, last), turned_end = layer_at(f, turned, last);
	by_distance(f, &first, &l[0], &s, &a);
	if (last) slopes(f, &end, &turned_end, &l[last], &s, &a);
	for (int k = 0; k < directions; k++)
		keep_lanes(products + k * LANES, direction(f, parameters, vectors + (long)k * f->n * f->dim * LANES, l, &s, &a, m));
}
