// The EGNN of a few configurations in C; network_cgo.go calls it.

// eqflow_egnn is dynamics.EGNN on n particles in dim dimensions; times is the number of features of the flow time, and hidden a
// multiple of 32.
typedef struct {
	int n, dim, layers, hidden, times;
	float middle;
} eqflow_egnn;

// Parameters, and gradients by them, lie one after another in the order of layout in field.go; in turned every square matrix is
// transposed where it lies.

// eqflow_egnn_space_… is how many floats of working space a call needs.
long eqflow_egnn_space_avx2(const eqflow_egnn *f);
long eqflow_egnn_space_avx512(const eqflow_egnn *f);

// eqflow_egnn_match_… returns Σ |v(x, t) − want|² over count configurations and adds share times its gradient to g. Arrays: x and
// want [count, n, dim], t [count, times].
double eqflow_egnn_match_avx2(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	const float *want, float share, float *space, float *g);
double eqflow_egnn_match_avx512(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	const float *want, float share, float *space, float *g);

// eqflow_egnn_rate_… sets v [count, n, dim] of at most eight configurations, and the products u·(∂v/∂x)u [directions, 8] with mean-free
// vectors u [directions, n, dim, 8], one for each configuration.
void eqflow_egnn_rate_avx2(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	int directions, const float *vectors, float *space, float *v, float *products);
void eqflow_egnn_rate_avx512(const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t,
	int directions, const float *vectors, float *space, float *v, float *products);
