// The gradient of the divergence. Right after each direction, its product goes back through the
// tangents of the direction. Tangents are linear in each other, and the factors are activations, so
// that this yields cotangents of the activations. In the end these cotangents go back through the
// forward pass, for all directions together.

static cotangents allocate_cotangents(const eqflow_egnn *f, float **at) {
	int edges = f->n * (f->n - 1);
	long node = (long)f->n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	cotangents gl;
	gl.offset = allocate(at, edges * f->dim * LANES);
	gl.distance = allocate(at, edges * LANES), gl.strength = allocate(at, edges * LANES);
	gl.inputs = allocate(at, row), gl.second = allocate(at, row), gl.third = allocate(at, row);
	gl.hidden = allocate(at, node);
	return gl;
}

static void clear_cotangents(const eqflow_egnn *f, cotangents *gl) {
	int edges = f->n * (f->n - 1);
	long node = (long)f->n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	memset(gl->offset, 0, sizeof(float) * edges * f->dim * LANES);
	memset(gl->distance, 0, sizeof(float) * edges * LANES), memset(gl->strength, 0, sizeof(float) * edges * LANES);
	memset(gl->inputs, 0, sizeof(float) * row), memset(gl->second, 0, sizeof(float) * row);
	memset(gl->third, 0, sizeof(float) * row), memset(gl->hidden, 0, sizeof(float) * node);
}

// adjoint holds the cotangents of tangents, by the names of tangents and tangent_scratch.
typedef struct {
	float *y, *y_next, *features, *received, *hidden, *to, *from; // of the particles
	float *offset, *distance, *start, *strength;                  // of edges
	float *rows, *rows_next;
	float *message_by_distance, *strength_by_distance, *strength_by_inputs; // summed over the directions
} adjoint;

static adjoint allocate_adjoint(const eqflow_egnn *f, float **at) {
	int n = f->n, edges = n * (n - 1);
	long place = n * f->dim * LANES, node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	adjoint b;
	b.y = allocate(at, place), b.y_next = allocate(at, place);
	b.features = allocate(at, node), b.received = allocate(at, node), b.hidden = allocate(at, node);
	b.to = allocate(at, node), b.from = allocate(at, node);
	b.offset = allocate(at, edges * f->dim * LANES), b.distance = allocate(at, edges * LANES);
	b.start = allocate(at, edges * LANES), b.strength = allocate(at, edges * LANES);
	b.rows = allocate(at, row), b.rows_next = allocate(at, row);
	long first = rows_in(f, 0) * LANES;
	b.message_by_distance = allocate(at, first * f->hidden), b.strength_by_distance = allocate(at, first);
	b.strength_by_inputs = allocate(at, row);
	return b;
}

static void clear_sums(const eqflow_egnn *f, adjoint *b) {
	int edges = f->n * (f->n - 1);
	long row = (long)edges * LANES * f->hidden;
	long first = rows_in(f, 0) * LANES;
	memset(b->message_by_distance, 0, sizeof(float) * first * f->hidden);
	memset(b->strength_by_distance, 0, sizeof(float) * first);
	memset(b->strength_by_inputs, 0, sizeof(float) * row);
}

// move_along_back sets the cotangents of the tangents of offsets, distances and strengths from y,
// the cotangents of the positions' tangents.
FUNCTION void move_along_back(const eqflow_egnn *f, int k, const activations *l, const tangents *dl, adjoint *b,
	cotangents *gl) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes inverse = splat_lanes(1) / (load_lanes(l->distance + e * LANES) + splat_lanes(1));
		lanes d = load_lanes(dl->distance + e * LANES);
		lanes share = load_lanes(l->strength + row_of(f, k, i, j) * LANES) * inverse;
		lanes change = (load_lanes(dl->strength + e * LANES) - share * d) * inverse;
		lanes g_share = splat_lanes(0), g_change = splat_lanes(0);
		for (int c = 0; c < dim; c++) {
			int at = (e * dim + c) * LANES;
			lanes g = load_lanes(b->y + (i * dim + c) * LANES);
			g_share += g * load_lanes(dl->offset + at), g_change += g * load_lanes(l->offset + at);
			store_lanes(b->offset + at, share * g);
			add_lanes(gl->offset + at, change * g);
		}
		g_change *= inverse;
		g_share = (g_share - g_change * d) * inverse;
		store_lanes(b->strength + e * LANES, g_change);
		store_lanes(b->distance + e * LANES, -g_change * share);
		add_lanes(gl->strength + e * LANES, g_share);
		add_lanes(gl->distance + e * LANES, -g_change * change - g_share * share);
	}
}

// measure_along_back adds the contributions of the tangents of offsets and distances to y_next.
FUNCTION void measure_along_back(const eqflow_egnn *f, const activations *l, const tangents *dl, adjoint *b,
	cotangents *gl) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes g = load_lanes(b->distance + e * LANES) / load_lanes(l->distance + e * LANES);
		add_lanes(gl->distance + e * LANES, -g * load_lanes(dl->distance + e * LANES));
		for (int c = 0; c < dim; c++) {
			int at = (e * dim + c) * LANES;
			add_lanes(gl->offset + at, g * load_lanes(dl->offset + at));
			lanes moved = load_lanes(b->offset + at) + g * load_lanes(l->offset + at);
			add_lanes(b->y_next + (i * dim + c) * LANES, moved), add_lanes(b->y_next + (j * dim + c) * LANES, -moved);
		}
	}
}

// slope_back turns g, the cotangents of the tangents of SiLUs, into the cotangents of their
// arguments' tangents, in place. It adds to to, the cotangents of the arguments themselves; moved
// holds the tangents of the arguments.
FUNCTION void slope_back(long count, const float *moved, const float *slope, const float *curvature, float *g,
	float *to) {
	for (long k = 0; k < count; k += WIDTH) {
		vector v = load(g + k);
		store(to + k, multiply_add(v * load(moved + k), load(curvature + k), load(to + k)));
		store(g + k, v * load(slope + k));
	}
}

// inputs_along_back starts from the cotangents of the tangents of rows' inputs, a factor times each
// row, where a null factor is 1. It adds to the cotangents of the distances' tangents, and sets to
// and from, the cotangents of the tangents of the particles' contributions.
FUNCTION void inputs_along_back(const eqflow_egnn *f, const layer *w, const float *rows, const float *factor,
	adjoint *b) {
	int n = f->n, h = f->hidden;
	memset(b->to, 0, sizeof(float) * n * LANES * h), memset(b->from, 0, sizeof(float) * n * LANES * h);
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		for (int lane = 0; lane < LANES; lane++) {
			const float *row = rows + ((long)e * LANES + lane) * h;
			float *to = b->to + ((long)i * LANES + lane) * h, *from = b->from + ((long)j * LANES + lane) * h;
			vector now = splat(0), then = splat(0), times = splat(factor ? factor[e * LANES + lane] : 1);
			for (int c = 0; c < h; c += WIDTH) {
				vector g = times * load(row + c);
				now = multiply_add(g, load(w->distance + c), now), then = multiply_add(g, load(w->start + c), then);
				add(to + c, g), add(from + c, g);
			}
			b->distance[e * LANES + lane] += total(now), b->start[e * LANES + lane] += total(then);
		}
	}
}

// update_along_back turns features, the cotangents of the tangents of the outgoing features, into
// the cotangents for the incoming features, and sets received.
FUNCTION void update_along_back(const eqflow_egnn *f, int k, const layer *transposed, const activations *l,
	const tangents *dl, adjoint *b, cotangents *gl) {
	int h = f->hidden, nodes = f->n * LANES;
	memset(b->hidden, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, b->features, transposed->update, b->hidden);
	slope_back((long)nodes * h, dl->hidden, l->hidden_slope, l->hidden_curvature, b->hidden, gl->hidden);
	memset(b->received, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, b->hidden, transposed->heard, b->received);
	if (k) dense_more(nodes, h, b->hidden, transposed->own, b->features);
}

// first_along_back adds to the cotangents of the distances' tangents, and to the cotangents of
// message_by_distance and strength_by_distance, from the cotangents of the tangents of the first
// layer's strengths and sums of messages.
FUNCTION void first_along_back(const eqflow_egnn *f, const tangent_scratch *ds, const tangents *dl, adjoint *b) {
	int n = f->n, h = f->hidden;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j), row = row_of(f, 0, i, j);
		lanes g = load_lanes(b->strength + e * LANES);
		lanes stretch = g * load_lanes(ds->strength_by_distance + row * LANES);
		add_lanes(b->strength_by_distance + row * LANES, g * load_lanes(dl->distance + e * LANES));
		add_lanes(b->distance + e * LANES, stretch + load_lanes(b->start + e * LANES));
		if (f->layers == 1) continue;
		for (int lane = 0; lane < LANES; lane++) {
			long at = ((long)row * LANES + lane) * h;
			const float *received = b->received + ((long)i * LANES + lane) * h;
			const float *message = ds->message_by_distance + at;
			float *to = b->message_by_distance + at;
			vector by = splat(dl->distance[e * LANES + lane]), sum = splat(0);
			for (int c = 0; c < h; c += WIDTH) {
				store(to + c, multiply_add(by, load(received + c), load(to + c)));
				sum = multiply_add(load(received + c), load(message + c), sum);
			}
			b->distance[e * LANES + lane] += total(sum);
		}
	}
}

// middle_along_back continues from the cotangents of the tangents of a middle layer's strengths and
// messages to the cotangents of the tangents of its rows' inputs, and on.
FUNCTION void middle_along_back(const eqflow_egnn *f, const layer *w, const layer *transposed, const activations *l,
	const tangents *dl, adjoint *b, cotangents *gl) {
	int n = f->n, h = f->hidden, rows = n * (n - 1) * LANES;
	long all = (long)rows * h, node = (long)LANES * h;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) store(b->rows + r * h + c, splat(b->strength[r]) * load(w->strength + c));
	slope_back(all, dl->third, l->third_slope, l->third_curvature, b->rows, gl->third);
	FOR_EDGES(i, j, n)
		memcpy(b->rows_next + edge(n, i, j) * node, b->received + i * node, sizeof(float) * node);
	dense_more(rows, h, b->rows, transposed->pull, b->rows_next);
	slope_back(all, dl->second, l->message_slope, l->message_curvature, b->rows_next, gl->second);
	memset(b->rows, 0, sizeof(float) * all);
	dense_more(rows, h, b->rows_next, transposed->message, b->rows);
	slope_back(all, dl->inputs, l->first_slope, l->first_curvature, b->rows, gl->inputs);
	inputs_along_back(f, w, b->rows, 0, b);
}

// last_along_back continues from the cotangents of the tangents of the last layer's strengths,
// through its rows' inputs. It adds to the cotangents of strength_by_inputs.
FUNCTION void last_along_back(const eqflow_egnn *f, const layer *w, const tangent_scratch *ds, const tangents *dl,
	const float *start, adjoint *b) {
	int n = f->n, h = f->hidden;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		for (int lane = 0; lane < LANES; lane++) {
			float *to = b->strength_by_inputs + ((long)e * LANES + lane) * h;
			vector by = splat(b->strength[e * LANES + lane]);
			for (int c = 0; c < h; c += WIDTH)
				store(to + c, multiply_add(by, inputs_along(f, w, ds, dl, start, i, j, e, lane, c), load(to + c)));
		}
	}
	inputs_along_back(f, w, ds->strength_by_inputs, b->strength, b);
}

// direction_back adds the contributions of the product of a direction u to gl, the cotangents of
// the activations.
FUNCTION void direction_back(const eqflow_egnn *f, const float *parameters, const float *transposed, const float *u,
	const activations *l, const tangent_scratch *ds, const tangents *dl, adjoint *b, cotangents *gl) {
	int n = f->n, h = f->hidden, nodes = n * LANES, last = f->layers - 1;
	long place = n * f->dim * LANES;
	memcpy(b->y, u, sizeof(float) * place);
	memset(b->features, 0, sizeof(float) * nodes * h);
	memset(b->start, 0, sizeof(float) * n * (n - 1) * LANES);
	for (int k = last; k >= 0; k--) {
		layer w = layer_at(f, parameters, k), t = layer_at(f, transposed, k);
		move_along_back(f, k, &l[k], &dl[k], b, &gl[k]);
		if (k < last) update_along_back(f, k, &t, &l[k], &dl[k], b, &gl[k]);
		if (!k)
			first_along_back(f, ds, &dl[k], b);
		else if (k < last)
			middle_along_back(f, &w, &t, &l[k], &dl[k], b, &gl[k]);
		else
			last_along_back(f, &w, ds, &dl[k], dl[0].distance, b);
		if (k) {
			dense_more(nodes, h, b->to, t.to, b->features);
			dense_more(nodes, h, b->from, t.from, b->features);
		}
		memcpy(b->y_next, b->y, sizeof(float) * place);
		measure_along_back(f, &l[k], &dl[k], b, &gl[k]);
		memcpy(b->y, b->y_next, sizeof(float) * place);
	}
}

// last_by_inputs_back adds the contributions of strength_by_inputs to the cotangents of the
// arguments of the last layer's SiLUs.
FUNCTION void last_by_inputs_back(const eqflow_egnn *f, const layer *w, const activations *l,
	const tangent_scratch *ds, scratch *s, adjoint *b, cotangents *gl) {
	int h = f->hidden, rows = f->n * (f->n - 1) * LANES;
	long all = (long)rows * h;
	slope_back(all, ds->strength_by_first, l->first_slope, l->first_curvature, b->strength_by_inputs, gl->inputs);
	memset(s->g, 0, sizeof(float) * all);
	dense_more(rows, h, b->strength_by_inputs, w->message, s->g);
	slope_back(all, ds->strength_by_message, l->message_slope, l->message_curvature, s->g, gl->second);
	memset(s->g_next, 0, sizeof(float) * all);
	dense_more(rows, h, s->g, w->pull, s->g_next);
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) {
			long at = r * h + c;
			vector g = load(s->g_next + at) * load(w->strength + c);
			store(gl->third + at, multiply_add(g, load(l->third_curvature + at), load(gl->third + at)));
		}
}

// first_by_distance_back adds the contributions of message_by_distance and strength_by_distance to
// the cotangents of the arguments of the first layer's SiLUs.
FUNCTION void first_by_distance_back(const eqflow_egnn *f, const layer *w, const layer *transposed,
	const activations *l, const tangent_scratch *ds, scratch *s, adjoint *b, cotangents *gl) {
	int h = f->hidden, rows = rows_in(f, 0) * LANES;
	long all = (long)rows * h;
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH)
			store(s->g + r * h + c, splat(b->strength_by_distance[r]) * load(w->strength + c));
	slope_back(all, ds->third_by_distance, l->third_slope, l->third_curvature, s->g, gl->third);
	dense_more(rows, h, s->g, transposed->pull, b->message_by_distance);
	slope_back(all, ds->second_by_distance, l->message_slope, l->message_curvature, b->message_by_distance, gl->second);
	memset(s->g, 0, sizeof(float) * all);
	dense_more(rows, h, b->message_by_distance, transposed->message, s->g);
	for (long r = 0; r < rows; r++)
		for (int c = 0; c < h; c += WIDTH) {
			long at = r * h + c;
			vector g = load(s->g + at) * (load(w->distance + c) + load(w->start + c));
			store(gl->inputs + at, multiply_add(g, load(l->first_curvature + at), load(gl->inputs + at)));
		}
}
