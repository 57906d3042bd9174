// The pairs of a block of configurations in C; pairs_cgo.go calls it.

#define EQFLOW_TERMS 8

typedef struct {
	double c[EQFLOW_TERMS];
} eqflow_piece;

// eqflow_pieces is radial's pieces; near and far are whole numbers.
typedef struct {
	double split, near, far, per_near, per_far, slope_near, slope;
} eqflow_pieces;

// Arrays hold [..., lanes], lanes a multiple of four: y, v, gv, gy [n·dim], div, gdiv [1].

// eqflow_field sets v and div of y, and tells whether some distance lay beyond split.
int eqflow_field(const eqflow_pieces *p, const eqflow_piece *row, int n, int dim, int lanes, const double *y, double *v, double *div);

// eqflow_pull_field sets gy to what the cotangents gv and gdiv make of y, and adds to the row's.
void eqflow_pull_field(const eqflow_pieces *p, const eqflow_piece *row, eqflow_piece *g_row, int n, int dim, int lanes,
	const double *y, const double *gv, const double *gdiv, double *gy);
