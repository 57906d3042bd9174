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
	inChunks(t.count(), func(_, from, to int) {
		for piece := from; piece < to; piece++ {
			if piece < b.near+b.far {
				t.mix(piece)
			}
			t.fold(piece)
		}
	})
	return t
}

// zeros returns rows of pieces.
func (t *table) zeros(rows int) [][]polynomial {
	flat := sparePolynomials.Take(rows * t.count())
	clear(flat)
	out := make([][]polynomial, rows)
	for i := range out {
		out[i] = flat[i*t.count() : (i+1)*t.count()]
	}
	return out
}

// leave ends the use of what zeros returned.
func (t *table) leave(rows [][]polynomial) {
	sparePolynomials.Leave(rows[0][:len(rows)*len(rows[0])])
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
			t.perCentre[m][piece].add(value, &fromTerms[j])
		}
	}
}

// fold makes a piece of all rows.
func (t *table) fold(piece int) {
	for i, shares := range t.rbf {
		sum := polynomial{t.constant[i]}
		for m, share := range shares {
			sum.add(share, &t.perCentre[m][piece])
		}
		t.rows[i][piece] = sum
	}
}

// add adds share·q. It is written out, as dot is: the compiler keeps loops over eight numbers.
func (p *polynomial) add(share float64, q *polynomial) {
	p[0] += share * q[0]
	p[1] += share * q[1]
	p[2] += share * q[2]
	p[3] += share * q[3]
	p[4] += share * q[4]
	p[5] += share * q[5]
	p[6] += share * q[6]
	p[7] += share * q[7]
}

func (p *polynomial) dot(q *polynomial) float64 {
	return (p[0]*q[0] + p[1]*q[1]) + (p[2]*q[2] + p[3]*q[3]) + ((p[4]*q[4] + p[5]*q[5]) + (p[6]*q[6] + p[7]*q[7]))
}

// pull turns the cotangents of the rows, each the sum of several parts', into those of the parameters.
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

// tablePull is what some pieces add to cotangents.
type tablePull struct {
	*table
	g         Parameters
	gConstant []float64   // [times]
	gRBF      [][]float64 // of the time RBFs [times][T]
	at, own   []float64   // of Σ_k W_km B_k [T] and of B [K], at the node at hand
}

func (t *table) pullChunk(parts [][][]polynomial, first, end int) *tablePull {
	p := &tablePull{table: t, g: NewParameters(t.Centres, t.TimeCentres), gConstant: make([]float64, len(t.at)), gRBF: make([][]float64, len(t.at))}
	p.at, p.own = make([]float64, t.TimeCentres), make([]float64, t.Centres)
	gPerCentre := make([]polynomial, t.TimeCentres)
	for i := range p.gRBF {
		p.gRBF[i] = make([]float64, t.TimeCentres)
	}
	for piece := first; piece < end; piece++ {
		clear(gPerCentre)
		if p.pullFold(parts, piece, gPerCentre) && piece < t.near+t.far {
			p.pullMix(piece, gPerCentre)
		}
	}
	return p
}

// pullFold takes a piece's cotangents in all rows to those of its perCentre. It tells whether there are any: few pieces are
// far from all distances, or near zero.
func (p *tablePull) pullFold(parts [][][]polynomial, piece int, gPerCentre []polynomial) (some bool) {
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

// pullMix is mix's derivative.
func (p *tablePull) pullMix(piece int, gPerCentre []polynomial) {
	from, to := p.bounds(piece)
	for j := range terms {
		for m := range gPerCentre {
			p.at[m] = fromTerms[j].dot(&gPerCentre[m])
		}
		p.pullNode(p.nodes[piece*terms+j], (from+to)/2+chebyshevNodes[j]*(to-from)/2)
	}
}

// pullNode takes the cotangents of Σ_k W_km B_k at a node, distance d, to those of the weights and widths.
func (p *tablePull) pullNode(v values, d float64) {
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
