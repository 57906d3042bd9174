package molecule

// Precision is that of an Engine's arithmetic.
type Precision int

// The precisions. Relative to the energy's terms and to the norm of the forces, errors are below
// 1e-12 in Double and about 1e-5 in Single.
const (
	Double Precision = iota // float64
	Single                  // float32
)

// largestInC bounds the number of atoms in C, whose arrays of pairs then take 150 MB on each core.
const largestInC = 1500

// NewEngine returns the fastest engine for a System: C where cgo and the processor's AVX2 are
// there, and otherwise plain Go, which is a Potential in either precision. CMAP terms, switching
// functions and a second solvent are computed in Go beside the C. Results do not depend on the
// other configurations of a batch.
func NewEngine(s *System, o Options, precision Precision) (Engine, error) {
	p, err := NewPotential(s, o)
	if err != nil || !inC || s.Atoms() > largestInC {
		return p, err
	}
	if v := newVectors(p, precision); v != nil {
		return v, nil
	}
	return p, nil
}
