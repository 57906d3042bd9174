package radial

import (
	"fmt"
	"math"
)

// pieces divides the distances from zero on: equal pieces up to split, a little beyond the last
// centre; then shorter pieces, or none, up to end, where all RBFs have vanished against the
// regulariser; and one piece without end.
type pieces struct {
	split, end       float64
	near, far        int     // number of pieces before and beyond split
	perNear, perFar  float64 // pieces per unit of length
	slopeNear, slope float64 // du/dd of the local coordinate u ∈ [−1, 1]
}

func newPieces(split, end float64, near, far int) pieces {
	p := pieces{split: split, end: end, near: near, far: far}
	p.perNear = float64(near) / split
	if far > 0 {
		p.perFar = float64(far) / (end - split)
	}
	p.slopeNear, p.slope = 2*p.perNear, 2*p.perFar
	return p
}

// count returns the number of pieces, the piece without end included.
func (p pieces) count() int { return p.near + p.far + 1 }

// bounds returns the ends of a piece that has two.
func (p pieces) bounds(piece int) (from, to float64) {
	if piece < p.near {
		return float64(piece) / p.perNear, float64(piece+1) / p.perNear
	}
	piece -= p.near
	return p.split + float64(piece)/p.perFar, p.split + float64(piece+1)/p.perFar
}

// locate returns the piece of a distance, its local coordinate and du/dd. NaN lies beyond the end.
func (p *pieces) locate(d float64) (piece int, u, slope float64) {
	if d < p.split {
		at := d * p.perNear
		piece = int(at)
		return piece, 2*(at-float64(piece)) - 1, p.slopeNear
	}
	at := (d - p.split) * p.perFar
	if !(at < float64(p.far)) {
		return p.near + p.far, 0, p.slope
	}
	piece = int(at)
	return p.near + piece, 2*(at-float64(piece)) - 1, p.slope
}

// plan is the first division of a field's distances that is tried.
type plan struct {
	split, end float64
	near, far  float64 // number of pieces
}

// Pieces of these lengths, in widths of the narrowest RBF, meet the tolerance as a rule.
const (
	firstNear = 0.4
	firstFar  = 0.12 // the regulariser cuts the RBFs off faster than they fall by themselves
)

// maxPieces bounds the size of a table. A field that needs more pieces is not tabulated.
const maxPieces = 4096

// plan returns the first division for a field, and an error where its RBFs are too narrow for a
// table.
func (f Field) plan() (plan, error) {
	narrowest, widest := math.Inf(1), 0.0
	for _, w := range f.NegLogWidths {
		narrowest, widest = min(narrowest, math.Exp(-w)), max(widest, math.Exp(-w))
	}
	p := plan{
		split: f.MaxDistance + narrowest,
		end:   f.MaxDistance + widest*math.Sqrt(-math.Log(negligible*regulariser)),
	}
	p.near, p.far = p.split/(firstNear*narrowest)+1, (p.end-p.split)/(firstFar*narrowest)+1
	if !(p.near+p.far <= maxPieces) {
		return p, fmt.Errorf("radial: RBFs of width %.2g to %.2g need more than %d pieces for a table; "+
			"evaluate the field directly", narrowest, widest, maxPieces)
	}
	return p, nil
}
