// What moves a score along a trajectory: Jᵀs, and the divergence with its gradient. The latter goes back through every direction that makes
// the divergence, at once after it, and then through the value, with what the directions have made of it.

static bent bent_at(const eqflow_egnn *f, float **at) {
	int edges = f->n * (f->n - 1);
	long node = (long)f->n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	return (bent){take(at, edges * f->dim * LANES), take(at, edges * LANES), take(at, edges * LANES), take(at, row), take(at, row), take(at, row), take(at, node)};
}

// backs is what the way back from a direction needs besides.
typedef struct {
	float *y, *y_next, *features, *heard, *hidden, *to, *from; // of the particles
	float *offset, *distance, *start, *strength;               // of the edges
	float *rows, *rows_next;
	float *by_distance, *s_by_distance, *slope; // of what is in along
} backs;

static backs backs_at(const eqflow_egnn *f, float **at) {
	int n = f->n, edges = n * (n - 1);
	long place = n * f->dim * LANES, node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	return (backs){take(at, place), take(at, place), take(at, node), take(at, node), take(at, node), take(at, node), take(at, node),
		take(at, edges * f->dim * LANES), take(at, edges * LANES), take(at, edges * LANES), take(at, edges * LANES), take(at, row), take(at, row),
		take(at, row / 2), take(at, edges / 2 * LANES), take(at, row)};
}

EXPORT long NAME(eqflow_egnn_space)(const eqflow_egnn *f, int curved) {
	float *start = 0, *at = start;
	kept l[f->layers];
	keep(f, &at, curved ? ALL_CURVED : ALL, l);
	scratch_at(f, &at);
	along_at(f, &at, curved);
	for (int k = 0; k < f->layers; k++) moved_at(f, &at, curved);
	if (curved) {
		backs_at(f, &at);
		for (int k = 0; k < f->layers; k++) bent_at(f, &at);
	}
	return at - start;
}

// pull_along_back takes the cotangents of the positions' derivatives, y, to those of the edges' offsets, distances and strengths.
EXPORT static void pull_along_back(const eqflow_egnn *f, int k, const kept *l, const moved *m, backs *b, bent *to) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes inverse = lanes_of(1) / (lanes_at(l->distance + e * LANES) + lanes_of(1)), d = lanes_at(m->distance + e * LANES);
			lanes share = lanes_at(l->strength + row_of(n, k, i, j) * LANES) * inverse, change = (lanes_at(m->strength + e * LANES) - share * d) * inverse;
			lanes g_share = lanes_of(0), g_change = lanes_of(0);
			for (int c = 0; c < dim; c++) {
				lanes g = lanes_at(b->y + (i * dim + c) * LANES);
				g_share += g * lanes_at(m->offset + (e * dim + c) * LANES), g_change += g * lanes_at(l->offset + (e * dim + c) * LANES);
				keep_lanes(b->offset + (e * dim + c) * LANES, share * g);
				add_lanes(to->offset + (e * dim + c) * LANES, change * g);
			}
			g_change *= inverse;
			g_share = (g_share - g_change * d) * inverse;
			keep_lanes(b->strength + e * LANES, g_change);
			keep_lanes(b->distance + e * LANES, -g_change * share);
			add_lanes(to->strength + e * LANES, g_share);
			add_lanes(to->distance + e * LANES, -g_change * change - g_share * share);
		}
}

// measure_along_back takes the cotangents of the edges' offsets and distances to those of the positions' derivatives, y_next.
EXPORT static void measure_along_back(const eqflow_egnn *f, const kept *l, const moved *m, backs *b, bent *to) {
	int n = f->n, dim = f->dim;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			lanes g = lanes_at(b->distance + e * LANES) / lanes_at(l->distance + e * LANES);
			add_lanes(to->distance + e * LANES, -g * lanes_at(m->distance + e * LANES));
			for (int c = 0; c < dim; c++) {
				int at = (e * dim + c) * LANES;
				add_lanes(to->offset + at, g * lanes_at(m->offset + at));
				lanes moving = lanes_at(b->offset + at) + g * lanes_at(l->offset + at);
				add_lanes(b->y_next + (i * dim + c) * LANES, moving), add_lanes(b->y_next + (j * dim + c) * LANES, -moving);
			}
		}
}

// slope_back multiplies cotangents of SiLUs' derivatives by the slopes in place, having added what they make of what the SiLUs are of, whose
// derivative is moved.
EXPORT static void slope_back(long count, const float *moved, const float *slope, const float *curve, float *g, float *to) {
	for (long k = 0; k < count; k += WIDTH) {
		vector v = load(g + k);
		store(to + k, multiply_add(v * load(moved + k), load(curve + k), load(to + k)));
		store(g + k, v * load(slope + k));
	}
}

// inputs_along_back takes cotangents of what rows are made of, a factor times each row, to those of distances and of what the particles add.
EXPORT static void inputs_along_back(const eqflow_egnn *f, const layer *w, const float *rows, const float *factor, backs *b) {
	int n = f->n, h = f->hidden;
	memset(b->to, 0, sizeof(float) * n * LANES * h), memset(b->from, 0, sizeof(float) * n * LANES * h);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j);
			for (int lane = 0; lane < LANES; lane++) {
				const float *row = rows + ((long)e * LANES + lane) * h;
				float *to = b->to + ((long)i * LANES + lane) * h, *from = b->from + ((long)j * LANES + lane) * h, by = factor ? factor[e * LANES + lane] : 1;
				vector now = splat(0), then = splat(0), times = splat(by);
				for (int c = 0; c < h; c += WIDTH) {
					vector g = times * load(row + c);
					now = multiply_add(g, load(w->distance + c), now), then = multiply_add(g, load(w->start + c), then);
					add(to + c, g), add(from + c, g);
				}
				b->distance[e * LANES + lane] += total(now), b->start[e * LANES + lane] += total(then);
			}
		}
}

// update_along_back takes the cotangents of the outgoing features' derivatives to those of the incoming ones and of what was heard.
EXPORT static void update_along_back(const eqflow_egnn *f, int k, const layer *turned, const kept *l, const moved *m, backs *b, bent *to) {
	int h = f->hidden, nodes = f->n * LANES;
	memset(b->hidden, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, b->features, turned->update, b->hidden);
	slope_back((long)nodes * h, m->hidden, l->hidden_slope, l->hidden_curve, b->hidden, to->hidden);
	memset(b->heard, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, b->hidden, turned->heard, b->heard);
	if (k) dense_more(nodes, h, b->hidden, turned->own, b->features);
}

// rows_along_back takes the cotangents of a middle layer's strengths and messages to what its rows are made of.
EXPORT static void rows_along_back(const eqflow_egnn *f, const layer *w, const layer *turned, const kept *l, const moved *m, backs *b, bent *to) {
	int n = f->n, h = f->hidden, rows = n * (n - 1) * LANES;
	long all = (long)rows * h, node = (long)LANES * h;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) store(b->rows + r * h + c, splat(b->strength[r]) * load(w->strength + c));
	slope_back(all, m->third, l->third_slope, l->third_curve, b->rows, to->third);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++)
			if (i != j) memcpy(b->rows_next + edge(n, i, j) * node, b->heard + i * node, sizeof(float) * node);
	dense_more(rows, h, b->rows, turned->pull, b->rows_next);
	slope_back(all, m->second, l->message_slope, l->message_curve, b->rows_next, to->second);
	memset(b->rows, 0, sizeof(float) * all);
	dense_more(rows, h, b->rows_next, turned->message, b->rows);
	slope_back(all, m->inputs, l->first_slope, l->first_curve, b->rows, to->inputs);
	inputs_along_back(f, w, b->rows, 0, b);
}

// first_along_back takes the cotangents of the first layer's strengths and of what was heard to the distances, and to how messages and
// strengths move with them.
EXPORT static void first_along_back(const eqflow_egnn *f, const along *a, const moved *m, backs *b) {
	int n = f->n, h = f->hidden;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < n; j++) {
			if (i == j) continue;
			int e = edge(n, i, j), row = row_of(n, 0, i, j);
			lanes g = lanes_at(b->strength + e * LANES);
			add_lanes(b->s_by_distance + row * LANES, g * lanes_at(m->distance + e * LANES));
			add_lanes(b->distance + e * LANES, g * lanes_at(a->s_by_distance + row * LANES) + lanes_at(b->start + e * LANES));
			if (f->layers == 1) continue;
			for (int lane = 0; lane < LANES; lane++) {
				const float *heard = b->heard + ((long)i * LANES + lane) * h, *message = a->by_distance + ((long)row * LANES + lane) * h;
				float *to = b->by_distance + ((long)row * LANES + lane) * h;
				vector by = splat(m->distance[e * LANES + lane]), sum = splat(0);
				for (int c = 0; c < h; c += WIDTH) {
					store(to + c, multiply_add(by, load(heard + c), load(to + c)));
					sum = multiply_add(load(heard + c), load(message + c), sum);
				}
				b->distance[e * LANES + lane] += total(sum);
			}
		}
}

// direction_back adds what the product of a direction u makes of the values.
EXPORT static void direction_back(const eqflow_egnn *f, const float *parameters, const float *turned, const float *u, const kept *l, const along *a,
	const moved *m, scratch *s, backs *b, bent *to) {
	int n = f->n, h = f->hidden, nodes = n * LANES, last = f->layers - 1;
	long place = n * f->dim * LANES;
	memcpy(b->y, u, sizeof(float) * place);
	memset(b->features, 0, sizeof(float) * nodes * h);
	memset(b->start, 0, sizeof(float) * n * (n - 1) * LANES);
	for (int k = last; k >= 0; k--) {
		layer w = layer_at(f, parameters, k), t = layer_at(f, turned, k);
		pull_along_back(f, k, &l[k], &m[k], b, &to[k]);
		if (k < last) update_along_back(f, k, &t, &l[k], &m[k], b, &to[k]);
		if (!k)
			first_along_back(f, a, &m[k], b);
		else if (k < last)
			rows_along_back(f, &w, &t, &l[k], &m[k], b, &to[k]);
		else {
			for (int i = 0; i < n; i++)
				for (int j = 0; j < n; j++) {
					if (i == j) continue;
					int e = edge(n, i, j);
					for (int lane = 0; lane < LANES; lane++)
						for (int c = 0; c < h; c += WIDTH) {
							float *at = b->slope + ((long)e * LANES + lane) * h + c;
							store(at, multiply_add(splat(b->strength[e * LANES + lane]), input_along(f, &w, a, &m[k], m[0].distance, i, j, e, lane, c), load(at)));
						}
				}
			inputs_along_back(f, &w, a->slope, b->strength, b);
		}
		if (k) {
			dense_more(nodes, h, b->to, t.to, b->features);
			dense_more(nodes, h, b->from, t.from, b->features);
		}
		memcpy(b->y_next, b->y, sizeof(float) * place);
		measure_along_back(f, &l[k], &m[k], b, &to[k]);
		memcpy(b->y, b->y_next, sizeof(float) * place);
	}
}

// slopes_back takes the cotangents of the last layer's slopes to what its SiLUs are of.
EXPORT static void slopes_back(const eqflow_egnn *f, const layer *w, const kept *l, const along *a, scratch *s, backs *b, bent *to) {
	int h = f->hidden, rows = f->n * (f->n - 1) * LANES;
	long all = (long)rows * h;
	slope_back(all, a->first_slope_plain, l->first_slope, l->first_curve, b->slope, to->inputs);
	memset(s->g, 0, sizeof(float) * all);
	dense_more(rows, h, b->slope, w->message, s->g);
	slope_back(all, a->second_slope, l->message_slope, l->message_curve, s->g, to->second);
	memset(s->g_next, 0, sizeof(float) * all);
	dense_more(rows, h, s->g, w->pull, s->g_next);
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) {
			long at = r * h + c;
			store(to->third + at, multiply_add(load(s->g_next + at) * load(w->strength + c), load(l->third_curve + at), load(to->third + at)));
		}
}

// by_distance_back does so with how the first layer's messages and strengths move with the distance.
EXPORT static void by_distance_back(const eqflow_egnn *f, const layer *w, const layer *turned, const kept *l, const along *a, scratch *s, backs *b,
	bent *to) {
	int h = f->hidden, rows = f->n * (f->n - 1) / 2 * LANES;
	long all = (long)rows * h;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) store(s->g + r * h + c, splat(b->s_by_distance[r]) * load(w->strength + c));
	slope_back(all, a->third_by_distance, l->third_slope, l->third_curve, s->g, to->third);
	dense_more(rows, h, s->g, turned->pull, b->by_distance);
	slope_back(all, a->second_by_distance, l->message_slope, l->message_curve, b->by_distance, to->second);
	memset(s->g, 0, sizeof(float) * all);
	dense_more(rows, h, b->by_distance, turned->message, s->g);
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) {
			vector made = load(w->distance + c) + load(w->start + c);
			store(to->inputs + r * h + c, multiply_add(load(s->g + r * h + c) * made, load(l->first_curve + r * h + c), load(to->inputs + r * h + c)));
		}
}

// write copies the lanes that count from [particle, dim, lane] to [count, n, dim].
static void write(const eqflow_egnn *f, int count, const float *from, float *to) {
	int width = f->n * f->dim;
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < width; c++) to[lane * width + c] = from[c * LANES + lane];
}

// place_cotangents sets gy to those of the positions at the end that cotangents of the velocity [count, n, dim] are, and to zero in the other lanes.
static void place_cotangents(const eqflow_egnn *f, int count, const float *g, scratch *s) {
	int n = f->n, dim = f->dim;
	memset(s->gy, 0, sizeof(float) * n * dim * LANES);
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float mean = 0;
			for (int i = 0; i < n; i++) mean += g[(lane * n + i) * dim + c] / n;
			for (int i = 0; i < n; i++) s->gy[(i * dim + c) * LANES + lane] = g[(lane * n + i) * dim + c] - mean;
		}
}

EXPORT void NAME(eqflow_egnn_push)(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	const float *cotangents, float *space, float *g) {
	kept l[f->layers];
	keep(f, &space, keeps_best(f), l);
	scratch s = scratch_at(f, &space);
	for (int from = 0; from < count; from += LANES) {
		int here = read(f, from, count, x, t, &s);
		forward(f, parameters, l, &s);
		place_cotangents(f, here, cotangents + from * f->n * f->dim, &s);
		back(f, parameters, turned, l, &s, g, 0);
	}
}

EXPORT void NAME(eqflow_egnn_pull)(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	const float *cotangents, float *space, float *pulled) {
	long place = f->n * f->dim * LANES;
	kept l[f->layers];
	keep(f, &space, keeps_best(f), l);
	scratch s = scratch_at(f, &space);
	read(f, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	place_cotangents(f, count, cotangents, &s);
	memcpy(s.x, s.gy, sizeof(float) * place); // which the velocity's −x has of it
	back(f, parameters, turned, l, &s, 0, 0);
	for (long k = 0; k < place; k += LANES) keep_lanes(s.gy + k, lanes_at(s.gy + k) - lanes_at(s.x + k));
	write(f, count, s.gy, pulled);
}

EXPORT void NAME(eqflow_egnn_kick)(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	int directions, const float *basis, float *space, float *div, float *kick) {
	int n = f->n, h = f->hidden, edges = n * (n - 1), last = f->layers - 1;
	long node = (long)n * LANES * h, row = (long)edges * LANES * h;
	kept l[f->layers];
	moved m[f->layers];
	bent made[f->layers];
	keep(f, &space, ALL_CURVED, l);
	scratch s = scratch_at(f, &space);
	along a = along_at(f, &space, 1);
	for (int k = 0; k < f->layers; k++) m[k] = moved_at(f, &space, 1);
	backs b = backs_at(f, &space);
	for (int k = 0; k < f->layers; k++) {
		made[k] = bent_at(f, &space);
		memset(made[k].offset, 0, sizeof(float) * edges * f->dim * LANES), memset(made[k].distance, 0, sizeof(float) * edges * LANES);
		memset(made[k].strength, 0, sizeof(float) * edges * LANES), memset(made[k].inputs, 0, sizeof(float) * row);
		memset(made[k].second, 0, sizeof(float) * row), memset(made[k].third, 0, sizeof(float) * row), memset(made[k].hidden, 0, sizeof(float) * node);
	}
	memset(b.by_distance, 0, sizeof(float) * row / 2), memset(b.s_by_distance, 0, sizeof(float) * edges / 2 * LANES);
	memset(b.slope, 0, sizeof(float) * row);

	read(f, 0, count, x, t, &s);
	forward(f, parameters, l, &s);
	layer first = layer_at(f, parameters, 0), end = layer_at(f, parameters, last);
	layer turned_first = layer_at(f, turned, 0), turned_end = layer_at(f, turned, last);
	by_distance(f, &first, &l[0], &s, &a);
	if (last) slopes(f, &end, &turned_end, &l[last], &s, &a);
	lanes sum = lanes_of(0);
	for (int k = 0; k < directions; k++) {
		const float *u = basis + (long)k * n * f->dim * LANES;
		sum += direction(f, parameters, u, l, &s, &a, m);
		direction_back(f, parameters, turned, u, l, &a, m, &s, &b, made);
	}
	if (last) slopes_back(f, &end, &l[last], &a, &s, &b, &made[last]);
	by_distance_back(f, &first, &turned_first, &l[0], &a, &s, &b, &made[0]);
	memset(s.gy, 0, sizeof(float) * n * f->dim * LANES);
	back(f, parameters, turned, l, &s, 0, made);
	float all[LANES];
	keep_lanes(all, sum);
	memcpy(div, all, sizeof(float) * count);
	write(f, count, s.gy, kick);
}
