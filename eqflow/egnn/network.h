// The EGNN in C. Every function exists twice, for vectors of eight numbers (AVX2) and of sixteen
// (AVX-512), and a table of pointers has the functions of one kind. network_cgo.go chooses the
// table and calls the functions below.

// eqflow_egnn is dynamics.EGNN on n particles in dim dimensions. times is the number of features of
// the flow time, and hidden is a multiple of 32. Where particles are not all alike, particle_roles
// and pair_roles are the numbers of their roles, and 0 where there is one role.
typedef struct {
	int n, dim, layers, hidden, times, particle_roles, pair_roles;
	float middle;
} eqflow_egnn;

// Arguments of a call. Parameters, and gradients by them, lie one after another in the order of
// layoutOf in field.go; in transposed, every square matrix is transposed in place. Arrays of
// configurations, velocities and cotangents are [count, n, dim], and t is [count, times]. Vectors
// and products are [directions, n·dim, 8] and [directions, 8], the configurations innermost. roles
// has the role of each particle [n], and then that of each edge [n, n−1]; it is null where all
// are alike.
#define EQFLOW_EGNN_CALL \
	const eqflow_egnn *f, const int *roles, const float *parameters, const float *transposed, \
	int count, const float *x, const float *t, float *space
#define EQFLOW_EGNN_ARGUMENTS f, roles, parameters, transposed, count, x, t, space

// eqflow_egnn_functions are the functions for one kind of vectors. match and pull_parameters take
// any number of configurations, the others at most eight.
typedef struct {
	long (*space)(const eqflow_egnn *f, int second_order);
	double (*match)(EQFLOW_EGNN_CALL, const float *wanted, float share, float *gradient);
	void (*pull_parameters)(EQFLOW_EGNN_CALL, const float *cotangents, float *gradient);
	void (*pull)(EQFLOW_EGNN_CALL, const float *cotangents, float *pulled);
	void (*rate)(EQFLOW_EGNN_CALL, int directions, const float *vectors, float *v, float *products);
	void (*divergence)(EQFLOW_EGNN_CALL, int directions, const float *basis, float *div, float *gradient);
} eqflow_egnn_functions;

extern const eqflow_egnn_functions eqflow_egnn_avx2, eqflow_egnn_avx512;

// cgo cannot call through pointers, so that every function needs a caller.

// eqflow_egnn_space returns how many floats of working space a call needs. second_order is 1 for
// divergence and 0 for the others.
static inline long eqflow_egnn_space(const eqflow_egnn_functions *with, const eqflow_egnn *f, int second_order) {
	return with->space(f, second_order);
}

// eqflow_egnn_match returns Σ |v(x, t) − wanted|² and adds share times its gradient by the
// parameters to gradient.
static inline double eqflow_egnn_match(const eqflow_egnn_functions *with, EQFLOW_EGNN_CALL,
	const float *wanted, float share, float *gradient) {
	return with->match(EQFLOW_EGNN_ARGUMENTS, wanted, share, gradient);
}

// eqflow_egnn_pull_parameters adds the gradient of Σ cotangents·v by the parameters to gradient.
static inline void eqflow_egnn_pull_parameters(const eqflow_egnn_functions *with, EQFLOW_EGNN_CALL,
	const float *cotangents, float *gradient) {
	with->pull_parameters(EQFLOW_EGNN_ARGUMENTS, cotangents, gradient);
}

// eqflow_egnn_pull sets pulled to (∂v/∂x)ᵀ cotangents.
static inline void eqflow_egnn_pull(const eqflow_egnn_functions *with, EQFLOW_EGNN_CALL,
	const float *cotangents, float *pulled) {
	with->pull(EQFLOW_EGNN_ARGUMENTS, cotangents, pulled);
}

// eqflow_egnn_rate sets v, and the products u·(∂v/∂x)u with mean-free vectors u.
static inline void eqflow_egnn_rate(const eqflow_egnn_functions *with, EQFLOW_EGNN_CALL,
	int directions, const float *vectors, float *v, float *products) {
	with->rate(EQFLOW_EGNN_ARGUMENTS, directions, vectors, v, products);
}

// eqflow_egnn_divergence sets div, the sum of the products with the vectors of a basis, and its
// gradient by the configurations.
static inline void eqflow_egnn_divergence(const eqflow_egnn_functions *with, EQFLOW_EGNN_CALL,
	int directions, const float *basis, float *div, float *gradient) {
	with->divergence(EQFLOW_EGNN_ARGUMENTS, directions, basis, div, gradient);
}
