// The EGNN of a few configurations in C, twice: with vectors of eight numbers and of sixteen. network_cgo.go calls it.

// eqflow_egnn is dynamics.EGNN on n particles in dim dimensions; times is the number of features of the flow time, and hidden a
// multiple of 32.
typedef struct {
	int n, dim, layers, hidden, times;
	float middle;
} eqflow_egnn;

// Parameters, and gradients by them, lie one after another in the order of layoutOf in field.go; in turned every square matrix is transposed
// where it lies. Arrays of configurations, velocities and cotangents are [count, n, dim], t [count, times], and vectors and products
// [directions, n·dim, 8] and [directions, 8], the configurations innermost. push and match take any number of configurations, the others
// at most eight.

#define EQFLOW_EGNN(name) EQFLOW_EGNN_WITH(name##_avx2) EQFLOW_EGNN_WITH(name##_avx512)

// space is how many floats of working space a call needs; curved for kick.
#define EQFLOW_EGNN_WITH(name) long name(const eqflow_egnn *f, int curved);
EQFLOW_EGNN(eqflow_egnn_space)
#undef EQFLOW_EGNN_WITH

#define WHERE const eqflow_egnn *f, const float *parameters, const float *turned, int count, const float *x, const float *t

// match returns Σ |v(x, t) − want|² and adds share times its gradient to g.
#define EQFLOW_EGNN_WITH(name) double name(WHERE, const float *want, float share, float *space, float *g);
EQFLOW_EGNN(eqflow_egnn_match)
#undef EQFLOW_EGNN_WITH

// push adds the gradient of Σ cotangents·v to g.
#define EQFLOW_EGNN_WITH(name) void name(WHERE, const float *cotangents, float *space, float *g);
EQFLOW_EGNN(eqflow_egnn_push)
#undef EQFLOW_EGNN_WITH

// rate sets v, and the products u·(∂v/∂x)u with mean-free vectors u.
#define EQFLOW_EGNN_WITH(name) void name(WHERE, int directions, const float *vectors, float *space, float *v, float *products);
EQFLOW_EGNN(eqflow_egnn_rate)
#undef EQFLOW_EGNN_WITH

// pull sets pulled to (∂v/∂x)ᵀ cotangents.
#define EQFLOW_EGNN_WITH(name) void name(WHERE, const float *cotangents, float *space, float *pulled);
EQFLOW_EGNN(eqflow_egnn_pull)
#undef EQFLOW_EGNN_WITH

// kick sets the sum of the products with the vectors of a basis, div, and its gradient.
#define EQFLOW_EGNN_WITH(name) void name(WHERE, int directions, const float *basis, float *space, float *div, float *kick);
EQFLOW_EGNN(eqflow_egnn_kick)
#undef EQFLOW_EGNN_WITH

#undef WHERE
