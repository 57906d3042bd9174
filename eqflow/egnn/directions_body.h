// Forward mode: the derivative of the velocity along a direction of the configuration, and the
// product of the derivative with the direction. Each direction is one linear pass with the slopes
// that the forward pass has stored.

// tangents are the derivatives of a layer's activations along a direction that later layers, or the
// way back from the direction, need.
typedef struct {
	float *offset, *distance, *strength; // of edges
	// Of the arguments of the SiLUs of rows and particles. Null in first order.
	float *inputs, *second, *third, *hidden;
	// The derivatives of a middle layer's strengths by its messages [edge, lane, hidden], the same
	// for all directions. Null in second order, which needs the stages in between.
	float *strength_by_message;
} tangents;

// tangent_scratch is the other memory of a direction. A name of activations or scratch stands for
// the derivative of what has the name there.
typedef struct {
	float *y, *features, *received, *hidden, *to, *from; // of the particles
	float *first, *message;                              // of the rows of one particle
	// The derivatives of the first layer's messages and strengths by the distance, and of the last
	// layer's strengths by the inputs of its rows [edge, lane, hidden].
	float *message_by_distance, *strength_by_distance, *strength_by_inputs;
	// The same before their slopes are applied, at the stages in between. Null in first order.
	float *second_by_distance, *third_by_distance, *strength_by_message, *strength_by_first;
} tangent_scratch;

static tangents allocate_tangents(const eqflow_egnn *f, float **at, int k, int second_order) {
	int edges = f->n * (f->n - 1);
	long node = (long)f->n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	tangents dl = {0};
	dl.offset = allocate(at, edges * f->dim * LANES);
	dl.distance = allocate(at, edges * LANES), dl.strength = allocate(at, edges * LANES);
	if (!second_order && k && k < f->layers - 1) dl.strength_by_message = allocate(at, row);
	if (!second_order) return dl;
	dl.inputs = allocate(at, row), dl.second = allocate(at, row), dl.third = allocate(at, row);
	dl.hidden = allocate(at, node);
	return dl;
}

static tangent_scratch allocate_tangent_scratch(const eqflow_egnn *f, float **at, int second_order) {
	int n = f->n, edges = n * (n - 1);
	long node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	tangent_scratch ds = {0};
	ds.y = allocate(at, n * f->dim * LANES);
	ds.features = allocate(at, node), ds.received = allocate(at, node), ds.hidden = allocate(at, node);
	ds.to = allocate(at, node), ds.from = allocate(at, node);
	ds.first = allocate(at, row / n), ds.message = allocate(at, row / n);
	long first = rows_in(f, 0) * LANES;
	ds.message_by_distance = allocate(at, first * f->hidden), ds.strength_by_distance = allocate(at, first);
	ds.strength_by_inputs = allocate(at, row);
	if (!second_order) return ds;
	ds.second_by_distance = allocate(at, first * f->hidden), ds.third_by_distance = allocate(at, first * f->hidden);
	ds.strength_by_message = allocate(at, row), ds.strength_by_first = allocate(at, row);
	return ds;
}

// weigh_rows sets to to the products of rows with the weights of the strengths.
FUNCTION void weigh_rows(int rows, int h, const float *row, const float *weights, float *to) {
	for (int r = 0; r < rows; r++) to[r] = inner_product(h, row + (long)r * h, weights);
}

// first_by_distance sets the derivatives of the first layer's messages and strengths by the
// distance, which is the distance at the start too.
FUNCTION void first_by_distance(const eqflow_egnn *f, const layer *w, const activations *l, scratch *s,
	tangent_scratch *ds) {
	int h = f->hidden, rows = rows_in(f, 0) * LANES;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) {
			vector slope = load(l->first_slope + r * h + c);
			store(s->g + r * h + c, (load(w->distance + c) + load(w->start + c)) * slope);
		}
	dense_slope(rows, h, s->g, w->message, ds->message_by_distance, l->message_slope, ds->second_by_distance);
	dense_slope(rows, h, ds->message_by_distance, w->pull, s->g, l->third_slope, ds->third_by_distance);
	weigh_rows(rows, h, s->g, w->strength, ds->strength_by_distance);
}

// strength_by_message sets the derivatives of a layer's strengths by its messages.
FUNCTION void strength_by_message(const eqflow_egnn *f, const layer *w, const layer *transposed, const activations *l,
	scratch *s, float *to) {
	int h = f->hidden, rows = f->n * (f->n - 1) * LANES;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH)
			store(s->g + r * h + c, load(w->strength + c) * load(l->third_slope + r * h + c));
	product(rows, h, h, s->g, h, 1, transposed->pull, 0, to, to, to, FROM_ZERO, IDENTITY);
}

// last_by_inputs sets the derivatives of the last layer's strengths by the inputs of its rows.
// Nothing depends on its features, so that every direction is a product with these derivatives.
FUNCTION void last_by_inputs(const eqflow_egnn *f, const layer *w, const layer *transposed, const activations *l,
	scratch *s, tangent_scratch *ds) {
	int h = f->hidden, rows = f->n * (f->n - 1) * LANES;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH)
			store(s->g + r * h + c, load(w->strength + c) * load(l->third_slope + r * h + c));
	dense_slope(rows, h, s->g, transposed->pull, s->g_next, l->message_slope, ds->strength_by_message);
	dense_slope(rows, h, s->g_next, transposed->message, ds->strength_by_inputs, l->first_slope, ds->strength_by_first);
}

// measure_along sets the tangents of offsets and distances.
FUNCTION void measure_along(const eqflow_egnn *f, const activations *l, const tangent_scratch *ds, tangents *dl) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes stretch = splat_lanes(0);
		for (int c = 0; c < dim; c++) {
			lanes r = load_lanes(ds->y + (i * dim + c) * LANES) - load_lanes(ds->y + (j * dim + c) * LANES);
			store_lanes(dl->offset + (e * dim + c) * LANES, r);
			stretch += r * load_lanes(l->offset + (e * dim + c) * LANES);
		}
		store_lanes(dl->distance + e * LANES, stretch / load_lanes(l->distance + e * LANES));
	}
}

// inputs_along returns the tangents of some inputs of a row, from column c on. start holds the
// tangents of the distances in the first layer.
INLINE vector inputs_along(const eqflow_egnn *f, const layer *w, const tangent_scratch *ds, const tangents *dl,
	const float *start, int i, int j, int e, int lane, int c) {
	long here = ((long)i * LANES + lane) * f->hidden + c, there = ((long)j * LANES + lane) * f->hidden + c;
	vector now = splat(dl->distance[e * LANES + lane]), then = splat(start[e * LANES + lane]);
	vector in = load(ds->to + here) + load(ds->from + there);
	return multiply_add(now, load(w->distance + c), multiply_add(then, load(w->start + c), in));
}

// strengths_along sets the tangents of the messages and strengths of some rows of a middle layer,
// from row base on.
FUNCTION void strengths_along(const eqflow_egnn *f, const layer *w, const activations *l, long base, int rows,
	scratch *s, tangent_scratch *ds, tangents *dl) {
	int h = f->hidden;
	long from = base * h;
	float *plain = dl->second ? dl->second + from : 0;
	dense_slope(rows, h, ds->first, w->message, ds->message, l->message_slope + from, plain);
	if (dl->strength_by_message) {
		const float *by_message = dl->strength_by_message + from;
		for (long r = 0; r < rows; r++)
			dl->strength[base + r] = inner_product(h, ds->message + r * h, by_message + r * h);
		return;
	}
	dense_slope(rows, h, ds->message, w->pull, s->g, l->third_slope + from, dl->third + from);
	weigh_rows(rows, h, s->g, w->strength, dl->strength + base);
}

// middle_along sets the tangents of a middle layer's strengths and sums of messages. The rows of
// one particle at a time stay in the cache.
FUNCTION void middle_along(const eqflow_egnn *f, const layer *w, const activations *l, const float *start, scratch *s,
	tangent_scratch *ds, tangents *dl) {
	int n = f->n, h = f->hidden, rows = (n - 1) * LANES;
	long node = (long)LANES * h;
	memset(ds->received, 0, sizeof(float) * n * node);
	for (int i = 0; i < n; i++) {
		long base = (long)i * rows;
		for (int j = 0; j < n; j++) {
			if (j == i) continue;
			int e = edge(n, i, j);
			for (int lane = 0; lane < LANES; lane++) {
				long at = ((long)e * LANES + lane) * h;
				float *to = ds->first + at - base * h;
				for (int c = 0; c < h; c += WIDTH) {
					vector in = inputs_along(f, w, ds, dl, start, i, j, e, lane, c);
					if (dl->inputs) store(dl->inputs + at + c, in);
					store(to + c, in * load(l->first_slope + at + c));
				}
			}
		}
		strengths_along(f, w, l, base, rows, s, ds, dl);
		for (long at = 0; at < rows * (long)h; at += node) add_to(node, ds->message + at, ds->received + i * node);
	}
}

// first_along sets the tangents of the first layer's strengths.
FUNCTION void first_along(const eqflow_egnn *f, const tangent_scratch *ds, tangents *dl) {
	int n = f->n;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j) * LANES;
		lanes by_distance = load_lanes(ds->strength_by_distance + row_of(f, 0, i, j) * LANES);
		store_lanes(dl->strength + e, by_distance * load_lanes(dl->distance + e));
	}
}

// last_along sets the tangents of the last layer's strengths.
FUNCTION void last_along(const eqflow_egnn *f, const layer *w, const float *start, const tangent_scratch *ds,
	tangents *dl) {
	int n = f->n, h = f->hidden;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		for (int lane = 0; lane < LANES; lane++) {
			vector sum = splat(0);
			const float *by_inputs = ds->strength_by_inputs + ((long)e * LANES + lane) * h;
			for (int c = 0; c < h; c += WIDTH)
				sum = multiply_add(load(by_inputs + c), inputs_along(f, w, ds, dl, start, i, j, e, lane, c), sum);
			dl->strength[e * LANES + lane] = total(sum);
		}
	}
}

// first_received_along sets the tangents of the first layer's sums of messages.
FUNCTION void first_received_along(const eqflow_egnn *f, tangent_scratch *ds, const tangents *dl) {
	int n = f->n, h = f->hidden;
	memset(ds->received, 0, sizeof(float) * n * LANES * h);
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j), row = row_of(f, 0, i, j);
		for (int lane = 0; lane < LANES; lane++) {
			float *to = ds->received + ((long)i * LANES + lane) * h;
			const float *message = ds->message_by_distance + ((long)row * LANES + lane) * h;
			vector by = splat(dl->distance[e * LANES + lane]);
			for (int c = 0; c < h; c += WIDTH) store(to + c, multiply_add(by, load(message + c), load(to + c)));
		}
	}
}

// move_along adds to the tangents of the positions.
FUNCTION void move_along(const eqflow_egnn *f, int k, const activations *l, tangent_scratch *ds, const tangents *dl) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes inverse = splat_lanes(1) / (load_lanes(l->distance + e * LANES) + splat_lanes(1));
		lanes share = load_lanes(l->strength + row_of(f, k, i, j) * LANES) * inverse;
		lanes stretch = share * load_lanes(dl->distance + e * LANES);
		lanes change = (load_lanes(dl->strength + e * LANES) - stretch) * inverse;
		for (int c = 0; c < dim; c++) {
			int at = (e * dim + c) * LANES;
			lanes moved = share * load_lanes(dl->offset + at) + change * load_lanes(l->offset + at);
			add_lanes(ds->y + (i * dim + c) * LANES, moved);
		}
	}
}

// update_along sets the tangents of the features of the next layer.
FUNCTION void update_along(const eqflow_egnn *f, int k, const layer *w, const activations *l, tangent_scratch *ds,
	const tangents *dl) {
	int h = f->hidden, nodes = f->n * LANES;
	memset(ds->hidden, 0, sizeof(float) * nodes * h);
	if (k)
		dense_more(nodes, h, ds->features, w->own, ds->hidden);
	else
		memset(ds->features, 0, sizeof(float) * nodes * h);
	dense_more_slope(nodes, h, ds->received, w->heard, ds->hidden, l->hidden_slope, dl->hidden);
	dense_more(nodes, h, ds->hidden, w->update, ds->features);
}

// direction returns u·(∂v/∂x)u for the direction u [particle, dim, lane] of each lane.
FUNCTION lanes direction(const eqflow_egnn *f, const float *parameters, const float *u, const activations *l,
	scratch *s, tangent_scratch *ds, tangents *dl) {
	int n = f->n, h = f->hidden, nodes = n * LANES, width = n * f->dim, last = f->layers - 1;
	memcpy(ds->y, u, sizeof(float) * width * LANES);
	for (int k = 0; k <= last; k++) {
		layer w = layer_at(f, parameters, k);
		measure_along(f, &l[k], ds, &dl[k]);
		if (k) {
			memset(ds->to, 0, sizeof(float) * nodes * h), memset(ds->from, 0, sizeof(float) * nodes * h);
			dense_more(nodes, h, ds->features, w.to, ds->to);
			dense_more(nodes, h, ds->features, w.from, ds->from);
		}
		if (!k)
			first_along(f, ds, &dl[k]);
		else if (k == last)
			last_along(f, &w, dl[0].distance, ds, &dl[k]);
		else
			middle_along(f, &w, &l[k], dl[0].distance, s, ds, &dl[k]);
		move_along(f, k, &l[k], ds, &dl[k]);
		if (k == last) break;
		if (!k) first_received_along(f, ds, &dl[k]);
		update_along(f, k, &w, &l[k], ds, &dl[k]);
	}
	lanes product = splat_lanes(0);
	for (int c = 0; c < width * LANES; c += LANES) {
		lanes at = load_lanes(u + c);
		product += at * (load_lanes(ds->y + c) - at);
	}
	return product;
}
