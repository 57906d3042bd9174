package radial

import (
	"math"

	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// Tolerance bounds the error of the pieces. A field is a sum of normalised radial basis functions
// B_k(d); Σ_k |B_k − piece| stays within the tolerance, and so does Σ_k |B_k' − piece'| per unit of
// length. So φ is off by at most Tolerance·max|W|.
const Tolerance = 3e-6

// basis holds the normalised distance RBFs B_k = R_k/(ε + Σ R) at the nodes of all pieces that have
// an end.
type basis struct {
	pieces
	centres, inverse []float64 // μ_k and 1/width [K]
	nodes            []values
	buffer           []float64 // holds the values of the nodes [nodes, K]
}

// values holds the B_k at one distance, without the negligible ones at either side.
type values struct {
	from int // the first centre
	b    []float64
}

// deviation is the error of the pieces: Σ_k |B_k − piece|, and the same sum for the slopes.
type deviation struct{ value, slope float64 }

func (d deviation) within(tolerance float64) bool {
	return d.value <= tolerance && d.slope <= tolerance
}

// or returns the larger of both, component by component. NaN counts as larger than any number.
func (d deviation) or(other deviation) deviation {
	return deviation{math.Max(d.value, other.value), math.Max(d.slope, other.slope)}
}

// finer returns a number of pieces that is likely to meet the tolerance, given the deviation with
// count pieces: the deviation falls with the seventh power of the number.
func (d deviation) finer(count float64) float64 {
	if d.within(Tolerance) {
		return count
	}
	return count * min(2, 1.03*math.Pow(max(d.slope, d.value)/Tolerance, 1./7))
}

// negligible is the share of Σ R below which an RBF is left out. Fifty of them stay far below the
// tolerance.
const negligible = 1e-11

// newBasis divides the distances finely enough to meet the tolerance. It makes pieces beyond split
// only where they are asked for.
func (f Field) newBasis(p plan, beyond bool) *basis {
	b := &basis{}
	b.centres, b.inverse = f.distanceRBFs()
	if !beyond {
		p.far = 0
	}
	for {
		near, far := b.divide(newPieces(p.split, p.end, int(p.near), int(p.far)))
		if near.or(far).within(Tolerance) {
			return b
		}
		b.release()
		p.near, p.far = near.finer(p.near), far.finer(p.far)
	}
}

// release makes the memory of the nodes available for another basis.
func (b *basis) release() { spareNumbers.Put(b.buffer) }

// chunks is the number of parts of a table that cores share. Sums over the parts are taken in
// order, so that they are the same on any number of cores.
const chunks = 16

// inChunks calls do for consecutive ranges of count numbers, on all cores.
func inChunks(count int, do func(chunk, from, to int)) {
	parallel.Each(chunks, func(i int) { do(i, count*i/chunks, count*(i+1)/chunks) })
}

// divide evaluates the RBFs at the nodes of pieces, and returns the deviations before and beyond
// split.
func (b *basis) divide(p pieces) (near, far deviation) {
	count := p.near + p.far
	b.pieces, b.nodes, b.buffer = p, make([]values, terms*count), spareNumbers.Get(terms*count*len(b.centres))
	found := make([]deviation, count)
	inChunks(count, func(_, from, to int) {
		for piece := from; piece < to; piece++ {
			b.evaluate(piece)
		}
		b.check(from, to, found)
	})
	for piece, d := range found {
		if piece < p.near {
			near = near.or(d)
		} else {
			far = far.or(d)
		}
	}
	return near, far
}

// evaluate evaluates the RBFs at the nodes of a piece.
func (b *basis) evaluate(piece int) {
	from, to := b.bounds(piece)
	for j, u := range chebyshevNodes {
		at, k := piece*terms+j, len(b.centres)
		b.nodes[at] = b.valuesAt((from+to)/2+u*(to-from)/2, b.buffer[at*k:(at+1)*k])
	}
}

// vanished is the square of (d−μ)/width from which an RBF is below the negligible share of the
// regulariser itself.
const vanished = 42

// valuesAt evaluates the B_k at a distance into a buffer [K].
func (b *basis) valuesAt(d float64, buffer []float64) values {
	sum := regulariser
	for k, mu := range b.centres {
		buffer[k] = 0
		if u := (d - mu) * b.inverse[k]; u*u < vanished {
			buffer[k] = math.Exp(-u * u)
			sum += buffer[k]
		}
	}
	from, to := 0, len(buffer)
	for from < to && buffer[from] < negligible*sum {
		from++
	}
	for to > from && buffer[to-1] < negligible*sum {
		to--
	}
	v := values{from, buffer[from:to]}
	for k := range v.b {
		v.b[k] /= sum
	}
	return v
}

// check compares pieces with the RBFs at their ends, where a polynomial through Chebyshev nodes and
// its slope are furthest off.
func (b *basis) check(first, end int, found []deviation) {
	k := len(b.centres)
	buffer := make([]float64, 4*k)
	value, slope := buffer[:k], buffer[k:2*k]
	for piece := first; piece < end; piece++ {
		from, to := b.bounds(piece)
		if piece == first {
			b.exact(from, value, slope)
		}
		d := b.deviationOf(piece, 0, 2/(to-from), value, slope, buffer[2*k:])
		b.exact(to, value, slope) // the next piece begins here
		found[piece] = d.or(b.deviationOf(piece, 1, 2/(to-from), value, slope, buffer[2*k:]))
	}
}

// deviationOf compares a piece at one of its ends with the exact values there.
func (b *basis) deviationOf(piece, end int, du float64, value, slope, scratch []float64) (d deviation) {
	v, s := scratch[:len(value)], scratch[len(value):]
	copy(v, value)
	copy(s, slope)
	for j := range terms {
		node := b.nodes[piece*terms+j]
		addScaled(v[node.from:node.from+len(node.b)], -valueAtEnd[end][j], node.b)
		addScaled(s[node.from:node.from+len(node.b)], -slopeAtEnd[end][j]*du, node.b)
	}
	for k := range v {
		d.value += math.Abs(v[k])
		d.slope += math.Abs(s[k])
	}
	return d
}

// exact sets B_k and dB_k/dd [K].
func (b *basis) exact(d float64, value, slope []float64) {
	sum, sumSlope := regulariser, 0.0
	clear(value)
	clear(slope)
	for k, mu := range b.centres {
		if u := (d - mu) * b.inverse[k]; u*u < vanished {
			value[k] = math.Exp(-u * u)
			slope[k] = -2 * u * b.inverse[k] * value[k]
			sum += value[k]
			sumSlope += slope[k]
		}
	}
	for k := range value {
		value[k] /= sum
		slope[k] = (slope[k] - value[k]*sumSlope) / sum
	}
}
