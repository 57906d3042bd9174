// The backward pass: from cotangents of the positions at the end to the gradient by the parameters
// or by the configuration.

// cotangents holds cotangents of a layer's activations.
typedef struct {
	float *offset, *distance, *strength;     // of edges
	float *inputs, *second, *third, *hidden; // of the arguments of the SiLUs of rows and particles
} cotangents;

// The backward pass goes either to the parameters, adding to g, the gradient by a layer's
// parameters, or, where g is null, to the configuration. more holds further cotangents of the
// layer's activations, which come from the directions of a divergence, or is null.

// move_back sets g_strength and g_distance, the cotangents of edges' strengths and distances, from
// gy, the cotangents of the positions. It adds the contribution of the offsets to gy_next.
FUNCTION void move_back(const eqflow_egnn *f, int k, const activations *l, scratch *s) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes inverse = splat_lanes(1) / (load_lanes(l->distance + e * LANES) + splat_lanes(1)), along = splat_lanes(0);
		lanes share = load_lanes(l->strength + row_of(f, k, i, j) * LANES) * inverse;
		for (int c = 0; c < dim; c++) {
			lanes g = load_lanes(s->gy + (i * dim + c) * LANES);
			float *here = s->gy_next + (i * dim + c) * LANES, *there = s->gy_next + (j * dim + c) * LANES;
			along += g * load_lanes(l->offset + (e * dim + c) * LANES);
			add_lanes(here, g * share), store_lanes(there, load_lanes(there) - g * share);
		}
		store_lanes(s->g_strength + e * LANES, along * inverse);
		store_lanes(s->g_distance + e * LANES, -along * share * inverse);
	}
}

// measure_back adds the contribution of the distances to gy_next.
FUNCTION void measure_back(const eqflow_egnn *f, const activations *l, scratch *s) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes share = load_lanes(s->g_distance + e * LANES) / load_lanes(l->distance + e * LANES);
		for (int c = 0; c < dim; c++) {
			lanes g = share * load_lanes(l->offset + (e * dim + c) * LANES);
			float *here = s->gy_next + (i * dim + c) * LANES, *there = s->gy_next + (j * dim + c) * LANES;
			add_lanes(here, g), store_lanes(there, load_lanes(there) - g);
		}
	}
}

// offsets_back adds the contribution of more cotangents of the offsets to gy_next.
FUNCTION void offsets_back(const eqflow_egnn *f, const cotangents *more, scratch *s) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n)
		for (int c = 0; c < dim; c++) {
			lanes g = load_lanes(more->offset + (edge(n, i, j) * dim + c) * LANES);
			add_lanes(s->gy_next + (i * dim + c) * LANES, g), add_lanes(s->gy_next + (j * dim + c) * LANES, -g);
		}
}

// update_back turns g_features, the cotangent of a layer's outgoing features, into the cotangent of
// its incoming features, and sets g_received.
FUNCTION void update_back(const eqflow_egnn *f, int k, const layer *transposed, const activations *l, scratch *s,
	const layer *g, const cotangents *more) {
	int n = f->n, h = f->hidden, nodes = n * LANES;
	long node = (long)LANES * h;
	dense_slope(nodes, h, s->g_features, transposed->update, s->g_hidden, l->hidden_slope, 0);
	if (more) add_to(n * node, more->hidden, s->g_hidden);
	if (g) {
		weights_back(nodes, h, l->hidden, s->g_features, g->update);
		sum_rows(nodes, h, s->g_features, g->update_out_bias);
		weights_back(nodes, h, l->received, s->g_hidden, g->heard);
		sum_rows(nodes, h, s->g_hidden, g->update_bias);
	}
	memset(s->g_received, 0, sizeof(float) * n * node);
	dense_more(nodes, h, s->g_hidden, transposed->heard, s->g_received);
	if (!apart(f, k)) {
		for (int i = 1; i < n; i++) {
			add_to(node, s->g_hidden + i * node, s->g_hidden);
			add_to(node, s->g_features + i * node, s->g_features);
		}
		nodes = LANES;
	}
	if (g) weights_back(nodes, h, l->features, s->g_hidden, g->own);
	dense_more(nodes, h, s->g_hidden, transposed->own, s->g_features);
}

// strengths_back sets g, the cotangents of the arguments of a span's third SiLUs, from g_strength.
// It sets g_next, the cotangents of the span's messages, from g_received.
FUNCTION void strengths_back(const eqflow_egnn *f, int k, const layer *w, span p, const activations *l, scratch *s,
	const layer *g) {
	int n = f->n, h = f->hidden, own = apart(f, k);
	long node = (long)LANES * h;
	memset(s->g_next, 0, sizeof(float) * p.rows * node);
	FOR_ROWS(i, j, f, k, p) {
		int e = edge(n, i, j), back = edge(n, j, i), row = row_of(f, k, i, j) - p.base;
		for (int lane = 0; lane < LANES; lane++) {
			vector strength = splat(s->g_strength[e * LANES + lane] + (own ? 0 : s->g_strength[back * LANES + lane]));
			for (int c = 0; c < h; c += WIDTH) {
				long at = row * node + lane * h + c;
				if (g) add(g->strength + c, strength * load(l->third + at));
				store(s->g + at, strength * load(w->strength + c) * load(l->third_slope + at));
			}
		}
		if (k == f->layers - 1) continue;
		add_to(node, s->g_received + i * node, s->g_next + row * node);
		if (!own) add_to(node, s->g_received + j * node, s->g_next + row * node);
	}
}

// roles_back adds to the gradient by the roles of the edges, given the cotangents g of a span's
// rows.
FUNCTION void roles_back(const eqflow_egnn *f, span p, const scratch *s, const layer *g) {
	for (int r = 0; r < p.rows; r++)
		sum_rows(LANES, f->hidden, s->g + (long)r * LANES * f->hidden,
			g->edge_roles + s->roles[f->n + p.base + r] * (long)f->hidden);
}

// rows_back sets g, the cotangents of the inputs of a span's rows, from g_strength and g_received.
FUNCTION void rows_back(const eqflow_egnn *f, int k, const layer *w, const layer *transposed, span p,
	const activations *l, scratch *s, const layer *g, const cotangents *more) {
	int h = f->hidden, count = p.rows * LANES;
	long all = (long)count * h, from = p.base * (long)LANES * h;
	strengths_back(f, k, w, p, l, s, g);
	if (more) add_to(all, more->third + from, s->g);
	if (g) sum_rows(count, h, s->g, g->pull_bias), weights_back(count, h, l->message, s->g, g->pull);
	dense_more_slope(count, h, s->g, transposed->pull, s->g_next, l->message_slope, 0);
	if (more) add_to(all, more->second + from, s->g_next);
	if (g) sum_rows(count, h, s->g_next, g->message_bias), weights_back(count, h, l->first, s->g_next, g->message);
	dense_slope(count, h, s->g_next, transposed->message, s->g, l->first_slope, 0);
	if (more) add_to(all, more->inputs + from, s->g);
	if (g) sum_rows(count, h, s->g, g->edge_bias);
	if (g && f->pair_roles) roles_back(f, p, s, g);
}

// inputs_back adds the contributions of the inputs of a span's rows, given their cotangents g, to
// the cotangents of the distances, of the distances at the start, and of the particles'
// contributions to the rows, g_to and g_from.
FUNCTION void inputs_back(const eqflow_egnn *f, int k, const layer *w, span p, const activations *l,
	const float *start, scratch *s, const layer *g) {
	int n = f->n, h = f->hidden, own = apart(f, k);
	long node = (long)LANES * h;
	FOR_ROWS(i, j, f, k, p) {
		int e = edge(n, i, j);
		const float *row = s->g + (row_of(f, k, i, j) - p.base) * node;
		for (int lane = 0; lane < LANES; lane++) {
			int at = e * LANES + lane;
			for (int c = 0; c < h && g; c += WIDTH) {
				vector x = load(row + lane * h + c);
				add(g->distance + c, splat(l->distance[at] - f->middle) * x);
				add(g->start + c, splat(start[at] - f->middle) * x);
			}
			if (k || !g) s->g_distance[at] += inner_product(h, row + lane * h, w->distance);
			if (!g) s->g_start[at] += inner_product(h, row + lane * h, w->start);
		}
		add_to(node, row, s->g_to + (own ? i : 0) * node);
		add_to(node, row, s->g_from + (own ? j : 0) * node);
	}
}

// features_back adds to g_features from g_to and g_from.
FUNCTION void features_back(const eqflow_egnn *f, int k, const layer *transposed, const activations *l, scratch *s,
	const layer *g) {
	int h = f->hidden, nodes = nodes_in(f, k) * LANES;
	if (g) weights_back(nodes, h, l->features, s->g_to, g->to), weights_back(nodes, h, l->features, s->g_from, g->from);
	dense_more(nodes, h, s->g_to, transposed->to, s->g_features);
	dense_more(nodes, h, s->g_from, transposed->from, s->g_features);
}

// embedding_back adds to the gradient by the embedding of the flow time and of the roles. It sums
// the cotangents of the particles' features into those of the first.
FUNCTION void embedding_back(const eqflow_egnn *f, scratch *s, float *gradient) {
	int h = f->hidden;
	long node = (long)LANES * h;
	for (int i = 0; i < f->n && f->particle_roles; i++)
		sum_rows(LANES, h, s->g_features + i * node, gradient + (f->times + 1 + s->roles[i]) * (long)h);
	for (int i = 1; i < nodes_in(f, 0); i++) add_to(node, s->g_features + i * node, s->g_features);
	for (int lane = 0; lane < LANES; lane++)
		for (int c = 0; c < h; c += WIDTH) {
			vector g = load(s->g_features + lane * h + c);
			for (int t = 0; t < f->times; t++) add(gradient + t * h + c, splat(s->time[lane * f->times + t]) * g);
			add(gradient + f->times * h + c, g);
		}
}

// backward takes gy, the cotangents of the positions at the end, to the parameters, adding to
// gradient. Where gradient is null, it takes them to the configuration, in gy too.
FUNCTION void backward(const eqflow_egnn *f, const float *parameters, const float *transposed, activations *l,
	scratch *s, float *gradient, const cotangents *more) {
	int n = f->n, h = f->hidden, edges = n * (n - 1) * LANES;
	long place = n * f->dim * LANES;
	memset(s->g_features, 0, sizeof(float) * n * LANES * h);
	memset(s->g_start, 0, sizeof(float) * edges);
	for (int k = f->layers - 1; k >= 0; k--) {
		layer w = layer_at(f, parameters, k), t = layer_at(f, transposed, k);
		layer here = layer_at(f, gradient ? gradient : parameters, k), *g = gradient ? &here : 0;
		const cotangents *m = more ? &more[k] : 0;
		memcpy(s->gy_next, s->gy, sizeof(float) * place);
		move_back(f, k, &l[k], s);
		if (m) add_to(edges, m->strength, s->g_strength), add_to(edges, m->distance, s->g_distance);
		if (k < f->layers - 1) update_back(f, k, &t, &l[k], s, g, m);
		if (l->kept == ONE_PARTICLE) particle_inputs(f, k, &w, &l[k], s);
		memset(s->g_to, 0, sizeof(float) * n * LANES * h), memset(s->g_from, 0, sizeof(float) * n * LANES * h);
		for (int i = 0; i < n; i = next_span(n, l->kept, i)) {
			span p = span_of(f, k, l->kept, i);
			if (l->kept == ONE_PARTICLE) compute_rows(f, k, &w, p, l[0].distance, &l[k], s);
			rows_back(f, k, &w, &t, p, &l[k], s, g, m);
			inputs_back(f, k, &w, p, &l[k], l[0].distance, s, g);
		}
		features_back(f, k, &t, &l[k], s, g);
		if (!k && g) break;
		if (!k) add_to(edges, s->g_start, s->g_distance);
		measure_back(f, &l[k], s);
		if (m) offsets_back(f, m, s);
		memcpy(s->gy, s->gy_next, sizeof(float) * place);
	}
	if (gradient) embedding_back(f, s, gradient);
}

// residuals sets gy for the loss share·Σ |v − wanted|², and returns Σ |v − wanted|² over the first
// count lanes.
static double residuals(const eqflow_egnn *f, scratch *s, int count, const float *wanted, float share) {
	int n = f->n, dim = f->dim;
	double sum = 0;
	memset(s->gy, 0, sizeof(float) * n * dim * LANES);
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float moved = displacement_sum(f, s, c, lane), residual_sum = 0;
			for (int i = 0; i < n; i++) {
				int at = (i * dim + c) * LANES + lane;
				float residual = displacement(s, at) - moved / n - wanted[(lane * n + i) * dim + c];
				sum += (double)residual * residual, residual_sum += residual;
				s->gy[at] = residual;
			}
			for (int i = 0; i < n; i++) {
				float *at = s->gy + (i * dim + c) * LANES + lane;
				*at = 2 * share * (*at - residual_sum / n);
			}
		}
	return sum;
}

// place_cotangents sets gy from the cotangents g of the velocities [count, n, dim], and to zero in
// the other lanes.
static void place_cotangents(const eqflow_egnn *f, int count, const float *g, scratch *s) {
	int n = f->n, dim = f->dim;
	memset(s->gy, 0, sizeof(float) * n * dim * LANES);
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float mean = 0;
			for (int i = 0; i < n; i++) mean += g[(lane * n + i) * dim + c] / n;
			for (int i = 0; i < n; i++)
				s->gy[(i * dim + c) * LANES + lane] = g[(lane * n + i) * dim + c] - mean;
		}
}
