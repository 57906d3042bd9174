// The pairs of a block of configurations in C. pairs_cgo.go calls it.

#define EQFLOW_TERMS 8

typedef struct {
	double c[EQFLOW_TERMS];
} eqflow_piece;

// eqflow_pieces is the type pieces of pieces.go. near and far are whole numbers.
typedef struct {
	double split, near, far, per_near, per_far, slope_near, slope;
} eqflow_pieces;

// Arrays hold [..., lanes], and lanes is a multiple of four: y, v, gv and gy [n·dim], div and gdiv
// [1].

// eqflow_field sets the velocity v and the divergence div at y. It returns 1 if some distance lies
// beyond split, else 0.
int eqflow_field(const eqflow_pieces *p, const eqflow_piece *row, int n, int dim, int lanes,
	const double *y, double *v, double *div);

// eqflow_pull_field is the adjoint of eqflow_field. From the cotangents gv and gdiv, it sets gy,
// the cotangent of y, and adds to the cotangents of the row.
void eqflow_pull_field(const eqflow_pieces *p, const eqflow_piece *row, eqflow_piece *g_row, int n, int dim,
	int lanes, const double *y, const double *gv, const double *gdiv, double *gy);
