// The forward pass: from positions and flow times to velocities.

// load_block fills the lanes with configurations from number from on, and the lanes beyond the last
// configuration with the last one again. It returns how many lanes are new.
FUNCTION int load_block(const eqflow_egnn *f, const int *roles, int from, int count, const float *x, const float *t,
	scratch *s) {
	s->roles = roles;
	int width = f->n * f->dim, here = count - from < LANES ? count - from : LANES;
	for (int lane = 0; lane < LANES; lane++) {
		int at = from + (lane < here ? lane : here - 1);
		for (int c = 0; c < width; c++) s->x[c * LANES + lane] = x[at * width + c];
		memcpy(s->time + lane * f->times, t + at * f->times, sizeof(float) * f->times);
	}
	memcpy(s->y, s->x, sizeof(float) * width * LANES);
	return here;
}

// store_block copies the first count lanes of [particle, dim, lane] to [count, n, dim].
static void store_block(const eqflow_egnn *f, int count, const float *from, float *to) {
	int width = f->n * f->dim;
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < width; c++) to[lane * width + c] = from[c * LANES + lane];
}

// measure sets the offsets and distances of all edges.
FUNCTION void measure(const eqflow_egnn *f, const float *y, activations *l) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes square = splat_lanes(REGULARISER);
		for (int c = 0; c < dim; c++) {
			lanes r = load_lanes(y + (i * dim + c) * LANES) - load_lanes(y + (j * dim + c) * LANES);
			store_lanes(l->offset + (e * dim + c) * LANES, r);
			square += r * r;
		}
		store_lanes(l->distance + e * LANES, _mm256_sqrt_ps(square));
	}
}

// move_particles moves the particles along their edges.
FUNCTION void move_particles(const eqflow_egnn *f, int k, const activations *l, float *y) {
	int n = f->n, dim = f->dim;
	FOR_EDGES(i, j, n) {
		int e = edge(n, i, j);
		lanes strength = load_lanes(l->strength + row_of(f, k, i, j) * LANES);
		lanes share = strength / (load_lanes(l->distance + e * LANES) + splat_lanes(1));
		for (int c = 0; c < dim; c++)
			add_lanes(y + (i * dim + c) * LANES, share * load_lanes(l->offset + (e * dim + c) * LANES));
	}
}

// receive adds the messages of a span to those that the particles have received.
FUNCTION void receive(const eqflow_egnn *f, int k, span p, activations *l) {
	int n = f->n;
	long node = (long)LANES * f->hidden;
	FOR_ROWS(i, j, f, k, p) {
		const float *message = l->message + (row_of(f, k, i, j) - p.base) * node;
		add_to(node, message, l->received + i * node);
		if (!apart(f, k)) add_to(node, message, l->received + j * node);
	}
}

// particle_inputs sets the contributions of the particles to the rows: of those at i and of those
// at j.
FUNCTION void particle_inputs(const eqflow_egnn *f, int k, const layer *w, const activations *l, scratch *s) {
	int h = f->hidden, nodes = nodes_in(f, k) * LANES;
	dense(nodes, h, l->features, w->to, w->edge_bias, s->to);
	memset(s->from, 0, sizeof(float) * nodes * h);
	dense_more(nodes, h, l->features, w->from, s->from);
}

// compute_rows computes the rows of a span. start holds the distances in the first layer.
FUNCTION void compute_rows(const eqflow_egnn *f, int k, const layer *w, span p, const float *start,
	activations *l, const scratch *s) {
	int n = f->n, h = f->hidden, own = apart(f, k);
	FOR_ROWS(i, j, f, k, p) {
		int e = edge(n, i, j), row = row_of(f, k, i, j) - p.base;
		const float *role = f->pair_roles ? w->edge_roles + s->roles[n + e] * (long)h : 0;
		for (int lane = 0; lane < LANES; lane++) {
			const float *here = s->to + ((own ? i : 0) * LANES + lane) * (long)h;
			const float *there = s->from + ((own ? j : 0) * LANES + lane) * (long)h;
			vector now = splat(l->distance[e * LANES + lane] - f->middle);
			vector then = splat(start[e * LANES + lane] - f->middle);
			for (int c = 0; c < h; c += WIDTH) {
				long at = ((long)row * LANES + lane) * h + c;
				vector in = load(here + c) + load(there + c);
				if (role) in += load(role + c);
				in = multiply_add(now, load(w->distance + c), multiply_add(then, load(w->start + c), in));
				silu(in, l->first + at, l->first_slope + at, l->first_curvature ? l->first_curvature + at : 0);
			}
		}
	}
	int count = p.rows * LANES;
	dense_silu(count, h, l->first, w->message, w->message_bias, l->message, l->message_slope, l->message_curvature);
	dense_silu(count, h, l->message, w->pull, w->pull_bias, l->third, l->third_slope, l->third_curvature);
}

// replicate copies the rows of one particle for all n.
static void replicate(int n, long node, float *rows) {
	for (int i = 1; i < n; i++) memcpy(rows + i * node, rows, sizeof(float) * node);
}

// update sets the features of the next layer.
FUNCTION void update(const eqflow_egnn *f, int k, const layer *w, activations *l, float *next) {
	int n = f->n, h = f->hidden, nodes = nodes_in(f, k);
	long node = (long)LANES * h;
	dense(nodes * LANES, h, l->features, w->own, w->update_bias, l->hidden);
	memcpy(next, l->features, sizeof(float) * nodes * node);
	if (!apart(f, k)) replicate(n, node, l->hidden), replicate(n, node, next);
	dense_more_silu(n * LANES, h, l->received, w->heard, l->hidden, l->hidden_slope, l->hidden_curvature);
	for (long at = 0; at < n * node; at += h)
		for (int c = 0; c < h; c += WIDTH) add(next + at + c, load(w->update_out_bias + c));
	dense_more(n * LANES, h, l->hidden, w->update, next);
}

// embed sets the features of the flow time, and of the particles' roles.
FUNCTION void embed(const eqflow_egnn *f, const float *parameters, const scratch *s, float *features) {
	int h = f->hidden;
	for (int lane = 0; lane < LANES; lane++)
		for (int c = 0; c < h; c += WIDTH) {
			vector sum = load(parameters + f->times * h + c);
			for (int t = 0; t < f->times; t++)
				sum = multiply_add(splat(s->time[lane * f->times + t]), load(parameters + t * h + c), sum);
			store(features + lane * h + c, sum);
		}
	if (!apart(f, 0)) return;
	long node = (long)LANES * h;
	replicate(f->n, node, features);
	for (int i = 0; i < f->n && f->particle_roles; i++) {
		const float *role = parameters + (f->times + 1 + s->roles[i]) * (long)h;
		for (long at = 0; at < node; at += h)
			for (int c = 0; c < h; c += WIDTH) add(features + i * node + at + c, load(role + c));
	}
}

// forward takes the positions y through all layers.
FUNCTION void forward(const eqflow_egnn *f, const float *parameters, activations *l, scratch *s) {
	int n = f->n, h = f->hidden;
	embed(f, parameters, s, l[0].features);
	for (int k = 0; k < f->layers; k++) {
		layer w = layer_at(f, parameters, k);
		measure(f, s->y, &l[k]);
		particle_inputs(f, k, &w, &l[k], s);
		memset(l[k].received, 0, sizeof(float) * n * LANES * h);
		for (int i = 0; i < n; i = next_span(n, l->kept, i)) {
			span p = span_of(f, k, l->kept, i);
			compute_rows(f, k, &w, p, l[0].distance, &l[k], s);
			for (int r = 0; r < p.rows * LANES; r++)
				l[k].strength[p.base * LANES + r] = inner_product(h, l[k].third + (long)r * h, w.strength);
			if (k < f->layers - 1) receive(f, k, p, &l[k]);
		}
		move_particles(f, k, &l[k], s->y);
		if (k < f->layers - 1) update(f, k, &w, &l[k], l[k + 1].features);
	}
}

// displacement returns y − x of one coordinate, in one lane.
static inline float displacement(const scratch *s, int at) { return s->y[at] - s->x[at]; }

// displacement_sum returns Σ_i (y_i − x_i) of coordinate c.
static inline float displacement_sum(const eqflow_egnn *f, const scratch *s, int c, int lane) {
	float sum = 0;
	for (int i = 0; i < f->n; i++) sum += displacement(s, (i * f->dim + c) * LANES + lane);
	return sum;
}

// velocities writes the velocities of the first count lanes to v [count, n, dim].
static void velocities(const eqflow_egnn *f, const scratch *s, int count, float *v) {
	int n = f->n, dim = f->dim;
	for (int lane = 0; lane < count; lane++)
		for (int c = 0; c < dim; c++) {
			float sum = displacement_sum(f, s, c, lane);
			for (int i = 0; i < n; i++)
				v[(lane * n + i) * dim + c] = displacement(s, (i * dim + c) * LANES + lane) - sum / n;
		}
}
