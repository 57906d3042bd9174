package radial

import "github.com/eqflow/gonb-eqflow/internal/spare"

var (
	spareNumbers     spare.Arrays[float64]
	sparePolynomials spare.Arrays[polynomial]
)
