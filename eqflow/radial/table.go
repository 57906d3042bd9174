package radial

import (
	"sync/atomic"

	"github.com/eqflow/gonb-eqflow/internal/spare"
)

// Arrays of solves and tables that are over, for the next ones.
var (
	spareNumbers     spare.Arrays[float64]
	sparePolynomials spare.Arrays[polynomial]
)

// table is φ(d) as pieces, at each time of a solve.
type table struct {
	Field
	*basis
	times
	perCentre [][]polynomial // Σ_k W_km B_k, for each time centre [T][pieces]
	rows      [][]polynomial // φ [times][pieces]
	// incomplete reports that a distance beyond split was looked up in a table without pieces
	// there. What the solve computed with it is wrong.
	incomplete atomic.Bool
}

// newTable tabulates a field at flow times, and beyond split only where that is asked for.
func (f Field) newTable(p plan, at []float64, beyond bool) *table {
	b := f.newBasis(p, beyond)
	t := &table{Field: f, basis: b, times: f.newTimes(at)}
	t.perCentre, t.rows = t.newRows(f.TimeCentres), t.newRows(len(at))
	inChunks(t.count(), func(_, from, to int) {
		for piece := from; piece < to; piece++ {
			if piece < b.near+b.far {
				t.sumOverDistances(piece)
			}
			t.sumOverTimes(piece)
		}
	})
	return t
}

// newRows returns rows of pieces that are all zero.
func (t *table) newRows(rows int) [][]polynomial {
	flat := sparePolynomials.Get(rows * t.count())
	clear(flat)
	out := make([][]polynomial, rows)
	for i := range out {
		out[i] = flat[i*t.count() : (i+1)*t.count()]
	}
	return out
}

// releaseRows makes the memory of rows from newRows available again.
func (t *table) releaseRows(rows [][]polynomial) {
	sparePolynomials.Put(rows[0][:len(rows)*len(rows[0])])
}

// release makes the memory of the table available for another one.
func (t *table) release() {
	t.basis.release()
	t.releaseRows(t.perCentre)
	t.releaseRows(t.rows)
}

// sumOverDistances sets a piece of perCentre, the sum over the distance RBFs.
func (t *table) sumOverDistances(piece int) {
	at := make([]float64, t.TimeCentres)
	for j := range terms {
		v := t.nodes[piece*terms+j]
		clear(at)
		for k, b := range v.b {
			addScaled(at, b, t.Weights[(v.from+k)*t.TimeCentres:])
		}
		for m, value := range at {
			t.perCentre[m][piece].add(value, &fromTerms[j])
		}
	}
}

// sumOverTimes sets a piece of all rows, the sum over the time RBFs.
func (t *table) sumOverTimes(piece int) {
	for i, shares := range t.rbf {
		sum := polynomial{t.constant[i]}
		for m, share := range shares {
			sum.add(share, &t.perCentre[m][piece])
		}
		t.rows[i][piece] = sum
	}
}

// pull turns the cotangents of the rows, given as parts that are to be added, into the gradient by
// the parameters.
func (t *table) pull(parts [][][]polynomial) Parameters {
	pulls := make([]*tablePull, chunks)
	inChunks(t.count(), func(i, from, to int) { pulls[i] = t.pullChunk(parts, from, to) })
	g, gConstant, gRBF := pulls[0].g, pulls[0].gConstant, pulls[0].gRBF
	for _, p := range pulls[1:] {
		addScaled(g.Weights, 1, p.g.Weights)
		addScaled(g.NegLogWidths, 1, p.g.NegLogWidths)
		addScaled(gConstant, 1, p.gConstant)
		for i, row := range p.gRBF {
			addScaled(gRBF[i], 1, row)
		}
	}
	t.pullTimes(t.times, gConstant, gRBF, g)
	return g
}

// tablePull holds the contributions of some pieces to cotangents.
type tablePull struct {
	*table
	g         Parameters
	gConstant []float64   // [times]
	gRBF      [][]float64 // of the normalised time RBFs [times][T]
	gSums, gB []float64   // of Σ_k W_km B_k [T] and of the B_k [K] at one node
}

func (t *table) pullChunk(parts [][][]polynomial, first, end int) *tablePull {
	p := &tablePull{
		table: t, g: NewParameters(t.Centres, t.TimeCentres), gConstant: make([]float64, len(t.at)),
		gRBF: make([][]float64, len(t.at)), gSums: make([]float64, t.TimeCentres), gB: make([]float64, t.Centres),
	}
	gPerCentre := make([]polynomial, t.TimeCentres)
	for i := range p.gRBF {
		p.gRBF[i] = make([]float64, t.TimeCentres)
	}
	for piece := first; piece < end; piece++ {
		clear(gPerCentre)
		if p.pullTimeSums(parts, piece, gPerCentre) && piece < t.near+t.far {
			p.pullDistanceSums(piece, gPerCentre)
		}
	}
	return p
}

// pullTimeSums is the adjoint of sumOverTimes: it takes the cotangents of a piece in all rows to
// those of perCentre. It reports whether there are any, since most pieces hold no distance.
func (p *tablePull) pullTimeSums(parts [][][]polynomial, piece int, gPerCentre []polynomial) (some bool) {
	for i, shares := range p.rbf {
		row := parts[0][i][piece]
		for _, part := range parts[1:] {
			row.add(1, &part[i][piece])
		}
		if row == (polynomial{}) {
			continue
		}
		some = true
		p.gConstant[i] += row[0]
		for m, share := range shares {
			gPerCentre[m].add(share, &row)
			p.gRBF[i][m] += row.dot(&p.perCentre[m][piece])
		}
	}
	return some
}

// pullDistanceSums is the adjoint of sumOverDistances.
func (p *tablePull) pullDistanceSums(piece int, gPerCentre []polynomial) {
	from, to := p.bounds(piece)
	for j := range terms {
		for m := range gPerCentre {
			p.gSums[m] = fromTerms[j].dot(&gPerCentre[m])
		}
		p.pullNode(p.nodes[piece*terms+j], (from+to)/2+chebyshevNodes[j]*(to-from)/2)
	}
}

// pullNode takes the cotangents of Σ_k W_km B_k at a node, at distance d, to those of the weights
// and the widths.
func (p *tablePull) pullNode(v values, d float64) {
	common := 0.0 // Σ_k B_k · cotangent of B_k
	for k, b := range v.b {
		at := (v.from + k) * p.TimeCentres
		p.gB[k] = dot(p.gSums, p.Weights[at:])
		common += p.gB[k] * b
		addScaled(p.g.Weights[at:at+p.TimeCentres], b, p.gSums)
	}
	for k, b := range v.b {
		u := (d - p.centres[v.from+k]) * p.inverse[v.from+k]
		p.g.NegLogWidths[v.from+k] += (p.gB[k] - common) * b * -2 * u * u
	}
}
