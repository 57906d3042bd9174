// Energies and forces in C, one configuration to a lane. Every function exists for vectors of AVX2
// and of AVX-512, in double and in float, and a table of pointers has those of one processor.
// vectors_cgo.go chooses the table and calls the functions.

// The kinds of sections. A section is the terms of one force, one after another in the arrays of
// indices and of numbers.
enum {
	EQFLOW_BONDS,       // i, j; length, k
	EQFLOW_ANGLES,      // i, j, k; angle, constant
	EQFLOW_POLYNOMIALS, // i, j, k, l, degree; the coefficients of cos φ, from the constant on
	EQFLOW_WAVES,       // i, j, k, l, order; the constant, and the factors of cos nφ and sin nφ, n = 1 …
	EQFLOW_PAIRS,       // rows of i, count, j …; for each pair 4εσ¹², 4εσ⁶ and the charges
	EQFLOW_CUT_PAIRS,   // the same within a cutoff; before them its square, and a and b of the reaction field
	EQFLOW_BORN,        // flags; the solvent's numbers, those of each atom, and the pairs of EQFLOW_FUSED
};

// The flags of EQFLOW_BORN.
enum {
	EQFLOW_HCT = 1,      // the Born radius without tanh
	EQFLOW_ENGULFED = 2, // atoms inside others count
	EQFLOW_CUTOFF = 4,
	EQFLOW_FUSED = 8,      // the pairs of another force, all i < j, follow; its number is the second index
	EQFLOW_MANTISSAS = 16, // some ratio of bounds is above 4
	EQFLOW_NECK = 32,      // the necks of all pairs follow: size and distance as i sees j, and as j sees i
};

// The numbers of EQFLOW_BORN: first those of the solvent, then for each atom its own. EQFLOW_NEAR
// is the distance below which an atom may lie within another, EQFLOW_REACH that between
// two atoms across a neck.
enum {
	EQFLOW_INNER, EQFLOW_OUTER, EQFLOW_KAPPA, EQFLOW_SURFACE, EQFLOW_CUTOFF2, EQFLOW_SHIFT, EQFLOW_NEAR,
	EQFLOW_REACH, EQFLOW_SOLVENT
};
enum {
	EQFLOW_RHO, EQFLOW_SCALED, EQFLOW_CHARGE, EQFLOW_SELF, EQFLOW_ALPHA, EQFLOW_BETA, EQFLOW_GAMMA,
	EQFLOW_RADIUS, EQFLOW_REACH2, EQFLOW_SITE
};

typedef struct {
	int kind, force, count;
} eqflow_section;

// eqflow_molecule is the compiled part of a System. number is an array of double or of float.
typedef struct {
	int atoms, forces, sections;
	const eqflow_section *section;
	const int *index;
	const void *number;
} eqflow_molecule;

// eqflow_evaluate sets the energies by force [count, forces] and, unless it is null, the forces
// [count, atoms, 3] of configurations x [count, atoms, 3]. The working space has eqflow_space
// bytes.
typedef struct {
	long (*space)(const eqflow_molecule *m);
	void (*evaluate)(const eqflow_molecule *m, int count, const double *x, double *energies, double *forces,
		void *space);
} eqflow_functions;

extern const eqflow_functions eqflow_double_avx2, eqflow_float_avx2, eqflow_double_avx512, eqflow_float_avx512;

// cgo cannot call through pointers.
static inline long eqflow_space(const eqflow_functions *with, const eqflow_molecule *m) { return with->space(m); }

static inline void eqflow_evaluate(const eqflow_functions *with, const eqflow_molecule *m, int count,
	const double *x, double *energies, double *forces, void *space) {
	with->evaluate(m, count, x, energies, forces, space);
}
