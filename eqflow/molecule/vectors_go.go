//go:build !cgo || !amd64

package molecule

// Without cgo, and on other architectures, NewEngine returns a Potential, and nothing below is
// called.
const inC = false

// The kinds of sections, and the flags of the solvent, of energy.h.
const (
	sectionBonds = iota
	sectionAngles
	sectionPolynomials
	sectionWaves
	sectionPairs
	sectionCutPairs
	sectionBorn
)

const (
	flagHCT = 1 << iota
	flagEngulfed
	flagCutoff
	flagFused
	flagMantissas
	flagNeck
)

type compiledTape struct{}

func (v *vectors) compile() {}

func (v *vectors) spaceBytes() int { return 0 }

func (v *vectors) evaluate(_ []float64, _ int, _, _, _ []float64) {
	panic("molecule: there is no C, as NewEngine knows")
}
