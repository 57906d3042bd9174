package radial

import "sync/atomic"

// polynomial holds the coefficients of a piece in its local coordinate.
type polynomial [terms]float64

// table is φ(d) as pieces, at each of the times of a solve.
type table struct {
	Field
	*basis
	times
	perCentre [][]polynomial // Σ_k W_km B_k, for each time centre [T][pieces]
	rows      [][]polynomial // φ [times][pieces]
	// missed tells that a distance was looked up beyond the centres where the table has no pieces: what came out is wrong.
	missed atomic.Bool
}

// newTable tabulates a field at times, and beyond the centres only if that is asked for.
func (f Field) newTable(p plan, at []float64, beyond bool) *table {
	b := f.newBasis(p, beyond)
	t := &table{Field: f, basis: b, times: f.newTimes(at)}
	t.perCentre, t.rows = t.zeros(f.TimeCentres), t.zeros(len(at))
	inParallel(b.near+b.far, t.mix)
	inParallel(len(at), t.fold)
	return t
}

// zeros returns rows of pieces.
func (t *table) zeros(rows int) [][]polynomial {
	flat := sparePolynomials.take(rows * t.count())
	clear(flat)
	out := make([][]polynomial, rows)
	for i := range out {
		out[i] = flat[i*t.count() : (i+1)*t.count()]
	}
	return out
}

// leave ends the use of what zeros returned.
func (t *table) leave(rows [][]polynomial) {
	sparePolynomials.leave(rows[0][:len(rows)*len(rows[0])])
}

// mix makes a piece of perCentre.
func (t *table) mix(piece int) {
	at := make([]float64, t.TimeCentres)
	for j := range terms {
		v := t.nodes[piece*terms+j]
		clear(at)
		for k, b := range v.b {
			addScaled(at, b, t.Weights[(v.from+k)*t.TimeCentres:])
		}
		for m, value := range at {
			to := &t.perCentre[m][piece]
			for i := range to {
				to[i] += toTerms[i][j] * value
			}
		}
	}
}

// fold makes the row of a time.
func (t *table) fold(i int) {
	row := t.rows[i]
	for m, share := range t.rbf[i] {
		from := t.perCentre[m][:len(row)]
		for piece := range row {
			to, p := &row[piece], &from[piece]
			for j := range to {
				to[j] += share * p[j]
			}
		}
	}
	for piece := range row {
		row[piece][0] += t.constant[i]
	}
}

// pull turns the cotangents of the rows into those of the parameters.
func (t *table) pull(gRows [][]polynomial) Parameters {
	g := NewParameters(t.Centres, t.TimeCentres)
	gConstant, gRBF := t.pullFold(gRows)
	gPerCentre := t.zeros(t.TimeCentres)
	inParallel(t.TimeCentres, func(m int) {
		for i, row := range gRows {
			gRBF[i][m] = pullShare(gPerCentre[m], t.perCentre[m], row, t.rbf[i][m])
		}
	})
	t.pullMix(gPerCentre, g)
	t.leave(gPerCentre)
	t.pullTimes(t.times, gConstant, gRBF, g)
	return g
}

// pullFold returns the cotangents of the constants [times], and room for those of the time RBFs [times][T].
func (t *table) pullFold(gRows [][]polynomial) (gConstant []float64, gRBF [][]float64) {
	gConstant, gRBF = make([]float64, len(gRows)), make([][]float64, len(gRows))
	for i, row := range gRows {
		gRBF[i] = make([]float64, t.TimeCentres)
		for piece := range row {
			gConstant[i] += row[piece][0]
		}
	}
	return gConstant, gRBF
}

// pullShare adds share·gRow to g, and returns gRow·from.
func pullShare(g, from, gRow []polynomial, share float64) float64 {
	var sum polynomial
	g, from = g[:len(gRow)], from[:len(gRow)]
	for piece := range gRow {
		row, to, f := &gRow[piece], &g[piece], &from[piece]
		for j, c := range row {
			to[j] += share * c
			sum[j] += c * f[j]
		}
	}
	total := 0.0
	for _, s := range sum {
		total += s
	}
	return total
}

// batches of pieces have gradients of their own, which are added in order: so the result is the same on any number of cores.
const mixBatches = 8

// pullMix adds to g what the cotangents of perCentre make of the weights and widths.
func (t *table) pullMix(gPerCentre [][]polynomial, g Parameters) {
	count := t.near + t.far
	parts := make([]Parameters, mixBatches)
	inParallel(mixBatches, func(i int) {
		parts[i] = NewParameters(t.Centres, t.TimeCentres)
		own := newMixPull(t, parts[i])
		for piece := count * i / mixBatches; piece < count*(i+1)/mixBatches; piece++ {
			own.pull(piece, gPerCentre)
		}
	})
	for _, part := range parts {
		addScaled(g.Weights, 1, part.Weights)
		addScaled(g.NegLogWidths, 1, part.NegLogWidths)
	}
}

// mixPull is mix's derivative, piece by piece.
type mixPull struct {
	*table
	g       Parameters
	at, own []float64 // cotangents of Σ_k W_km B_k [T] and of B [K]
}

func newMixPull(t *table, g Parameters) *mixPull {
	return &mixPull{t, g, make([]float64, t.TimeCentres), make([]float64, t.Centres)}
}

func (p *mixPull) pull(piece int, gPerCentre [][]polynomial) {
	from, to := p.bounds(piece)
	for j := range terms {
		for m := range p.at {
			p.at[m] = 0
			for i, c := range gPerCentre[m][piece] {
				p.at[m] += toTerms[i][j] * c
			}
		}
		p.pullNode(p.nodes[piece*terms+j], (from+to)/2+chebyshevNodes[j]*(to-from)/2)
	}
}

// pullNode takes the cotangents of Σ_k W_km B_k at a node, distance d, to those of the weights and widths.
func (p *mixPull) pullNode(v values, d float64) {
	common := 0.0 // Σ_k B_k · cotangent of B_k
	for k, b := range v.b {
		at := (v.from + k) * p.TimeCentres
		p.own[k] = dot(p.at, p.Weights[at:])
		common += p.own[k] * b
		addScaled(p.g.Weights[at:at+p.TimeCentres], b, p.at)
	}
	for k, b := range v.b {
		u := (d - p.centres[v.from+k]) * p.inverse[v.from+k]
		p.g.NegLogWidths[v.from+k] += (p.own[k] - common) * b * -2 * u * u
	}
}
