// Memory of the layers, and numbers of edges and rows.

// LANES is the number of configurations that are computed side by side. Rows of features are
// [particle or edge, configuration, hidden], and numbers are [particle or edge, configuration]. So
// every layer of a network is one matrix product of some hundred rows, which stay in the cache.
#define LANES 8
#define REGULARISER 1e-6f

typedef __m256 lanes;

INLINE lanes load_lanes(const float *from) { return _mm256_loadu_ps(from); }
INLINE void store_lanes(float *to, lanes v) { _mm256_storeu_ps(to, v); }
INLINE lanes splat_lanes(float a) { return _mm256_set1_ps(a); }
INLINE void add_lanes(float *to, lanes v) { store_lanes(to, load_lanes(to) + v); }

// allocate returns the place of the next count numbers of the working space.
static float *allocate(float **at, long count) {
	float *here = *at;
	*at += count;
	return here;
}

// layer holds the parameters of a layer by the names of layoutOf in field.go, or their transposes
// or gradients.
typedef struct {
	float *to, *from, *distance, *start, *edge_bias, *edge_roles, *message, *message_bias, *pull, *pull_bias, *strength;
	float *own, *heard, *update_bias, *update, *update_out_bias; // not in the last layer
} layer;

static layer layer_at(const eqflow_egnn *f, const float *parameters, int k) {
	int h = f->hidden;
	float *at = (float *)parameters + (f->times + 1 + f->particle_roles) * h;
	at += k * (7L * h * h + (8L + f->pair_roles) * h);
	layer l = {0};
	l.to = allocate(&at, h * h), l.from = allocate(&at, h * h);
	l.distance = allocate(&at, h), l.start = allocate(&at, h), l.edge_bias = allocate(&at, h);
	l.edge_roles = allocate(&at, f->pair_roles * (long)h);
	l.message = allocate(&at, h * h), l.message_bias = allocate(&at, h);
	l.pull = allocate(&at, h * h), l.pull_bias = allocate(&at, h), l.strength = allocate(&at, h);
	if (k == f->layers - 1) return l;
	l.own = allocate(&at, h * h), l.heard = allocate(&at, h * h), l.update_bias = allocate(&at, h);
	l.update = allocate(&at, h * h), l.update_out_bias = allocate(&at, h);
	return l;
}

// The rows that a forward pass keeps for the backward pass: the rows of one particle at a time, so
// that the backward pass computes them again; all rows; or all rows with second derivatives.
enum { ONE_PARTICLE, ALL_ROWS, ALL_ROWS_CURVED };

// kept_rows is ONE_PARTICLE where all rows exceed the caches, which costs more than to compute them
// again.
static int kept_rows(const eqflow_egnn *f) {
	return (long)f->n * (f->n - 1) * f->hidden * f->layers > 1 << 18 ? ONE_PARTICLE : ALL_ROWS;
}

// activations are the values of a layer that a backward pass needs. A row has three SiLUs one after
// another, whose values are first, message and third.
typedef struct {
	int kept;
	float *features;                     // of the particles, on the input of the layer
	float *offset, *distance, *strength; // of edges [edge, dim, lane] and [edge, lane], and of rows [row, lane]
	float *first, *first_slope, *message, *message_slope, *third, *third_slope; // of rows
	float *received, *hidden, *hidden_slope; // of the particles; received is the sum of the messages
	float *first_curvature, *message_curvature, *third_curvature, *hidden_curvature; // null in a pass of first order
} activations;

static void allocate_rows(activations *l, float **at, long size) {
	l->first = allocate(at, size), l->first_slope = allocate(at, size);
	l->message = allocate(at, size), l->message_slope = allocate(at, size);
	l->third = allocate(at, size), l->third_slope = allocate(at, size);
}

// apart reports whether each edge of layer k has a row of its own, and each particle features of
// its own. In the first layer of particles that are all alike, all have the same features, so that
// both edges of a pair are one row, and the particles are one node.
static inline int apart(const eqflow_egnn *f, int k) { return k || f->particle_roles || f->pair_roles; }

// rows_in and nodes_in are the numbers of rows and of particles with features of their own.
static inline int rows_in(const eqflow_egnn *f, int k) {
	int edges = f->n * (f->n - 1);
	return apart(f, k) ? edges : edges / 2;
}
static inline int nodes_in(const eqflow_egnn *f, int k) { return apart(f, k) ? f->n : 1; }

// allocate_activations finds room for the activations of all layers.
static void allocate_activations(const eqflow_egnn *f, float **at, int kept, activations *l) {
	int n = f->n, edges = n * (n - 1);
	long node = (long)LANES * f->hidden;
	for (int k = 0; k < f->layers; k++) {
		int rows = rows_in(f, k);
		long row = (kept == ONE_PARTICLE ? n - 1 : rows) * node;
		activations a = {.kept = kept};
		a.features = allocate(at, nodes_in(f, k) * node), a.offset = allocate(at, edges * f->dim * LANES);
		a.distance = allocate(at, edges * LANES), a.strength = allocate(at, rows * LANES);
		a.received = allocate(at, n * node), a.hidden = allocate(at, n * node), a.hidden_slope = allocate(at, n * node);
		if (k && kept == ONE_PARTICLE) { // all layers share the rows
			a.first = l[0].first, a.first_slope = l[0].first_slope, a.message = l[0].message;
			a.message_slope = l[0].message_slope, a.third = l[0].third, a.third_slope = l[0].third_slope;
		} else
			allocate_rows(&a, at, row);
		if (kept == ALL_ROWS_CURVED) {
			a.first_curvature = allocate(at, row), a.message_curvature = allocate(at, row);
			a.third_curvature = allocate(at, row), a.hidden_curvature = allocate(at, n * node);
		}
		l[k] = a;
	}
}

// scratch is the other memory of a block of configurations. Names in g are cotangents.
typedef struct {
	float *x, *y, *gy, *gy_next; // positions [particle, dim, lane]
	float *time;                 // [lane, times]
	const int *roles;            // of the particles, and of the edges
	float *to, *from, *g_features, *g_hidden, *g_received, *g_to, *g_from; // of the particles
	float *g, *g_next;                         // of rows
	float *g_strength, *g_distance, *g_start;  // of edges
} scratch;

static scratch allocate_scratch(const eqflow_egnn *f, float **at) {
	int n = f->n, edges = n * (n - 1);
	long place = n * f->dim * LANES, node = (long)n * LANES * f->hidden, row = (long)edges * LANES * f->hidden;
	scratch s;
	s.x = allocate(at, place), s.y = allocate(at, place), s.gy = allocate(at, place), s.gy_next = allocate(at, place);
	s.time = allocate(at, LANES * f->times);
	s.to = allocate(at, node), s.from = allocate(at, node);
	s.g_features = allocate(at, node), s.g_hidden = allocate(at, node), s.g_received = allocate(at, node);
	s.g_to = allocate(at, node), s.g_from = allocate(at, node);
	s.g = allocate(at, row), s.g_next = allocate(at, row);
	s.g_strength = allocate(at, edges * LANES), s.g_distance = allocate(at, edges * LANES);
	s.g_start = allocate(at, edges * LANES);
	return s;
}

// edge is the number of the edge from i to j.
INLINE int edge(int n, int i, int j) { return i * (n - 1) + (j < i ? j : j - 1); }

// row_of is the row of features of the edge from i to j in layer k.
INLINE int row_of(const eqflow_egnn *f, int k, int i, int j) {
	int n = f->n;
	if (apart(f, k)) return edge(n, i, j);
	int low = i < j ? i : j, high = i < j ? j : i;
	return low * (2 * n - low - 1) / 2 + high - low - 1;
}

// span holds the rows of the particles from … to − 1, which are contiguous from base on.
typedef struct {
	int from, to, base, rows;
} span;

INLINE span span_of(const eqflow_egnn *f, int k, int kept, int i) {
	int n = f->n;
	if (kept != ONE_PARTICLE) return (span){0, n, 0, rows_in(f, k)};
	if (apart(f, k)) return (span){i, i + 1, i * (n - 1), n - 1};
	return (span){i, i + 1, row_of(f, 0, i, i + 1), n - 1 - i};
}

INLINE int next_span(int n, int kept, int i) { return kept == ONE_PARTICLE ? i + 1 : n; }

// Loops over edges from i to j: all edges of n particles; and the edges of the rows of a span, one
// edge of each pair where both share a row.
#define FOR_EDGES_BETWEEN(i, from, to, j, first, n) \
	for (int i = from; i < to; i++) \
		for (int j = first; j < n; j++) \
			if (i != j)
#define FOR_EDGES(i, j, n) FOR_EDGES_BETWEEN(i, 0, n, j, 0, n)
#define FOR_ROWS(i, j, f, k, p) FOR_EDGES_BETWEEN(i, p.from, p.to, j, apart(f, k) ? 0 : i + 1, (f)->n)
