package radial

import (
	"fmt"
	"math"

	"github.com/eqflow/gonb-eqflow/internal/parallel"
)

// A piece is a polynomial of degree 7 through its Chebyshev nodes: at the tolerance the cheapest to make and to look up
// among degrees 5, 7 and 9.
const terms = 8

// Tolerance bounds, for the normalised radial basis functions B_k(d) that a field is a sum of, Σ_k |B_k − piece| and, for
// the slopes, Σ_k |B_k' − piece'| (per unit of length). So φ is off by at most Tolerance·max|W|.
const Tolerance = 3e-6

// Pieces get shorter until they meet the tolerance. A field that seems to need more than so many is not tabulated.
const maxPieces = 4096

// pieces divides the distances from zero on: equal pieces up to split, a little beyond the last centre; shorter ones, or none,
// to the end, where all RBFs have vanished against the regulariser; and one without end.
type pieces struct {
	split, end       float64
	near, far        int     // pieces before and beyond split
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

// count is the number of pieces, that without end included.
func (p pieces) count() int { return p.near + p.far + 1 }

// bounds returns the ends of a piece that has two.
func (p pieces) bounds(piece int) (from, to float64) {
	if piece < p.near {
		return float64(piece) / p.perNear, float64(piece+1) / p.perNear
	}
	piece -= p.near
	return p.split + float64(piece)/p.perFar, p.split + float64(piece+1)/p.perFar
}

// locate returns the piece of a distance, its local coordinate and du/dd. What is not a number lies beyond the end.
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

// chebyshevNodes are the Chebyshev nodes in the local coordinate; toTerms [terms, terms] turns values there into coefficients,
// and fromTerms is its transpose.
var (
	chebyshevNodes, toTerms = chebyshev()
	fromTerms               = transposed(toTerms)
)

func transposed(a [terms][terms]float64) (b [terms]polynomial) {
	for i := range a {
		for j := range a {
			b[j][i] = a[i][j]
		}
	}
	return b
}

func chebyshev() (at [terms]float64, inverse [terms][terms]float64) {
	var left [terms][terms]float64
	for j := range at {
		at[j] = -math.Cos(math.Pi * (float64(j) + 0.5) / terms)
		power := 1.0
		for i := range terms {
			left[j][i], power = power, power*at[j]
		}
		inverse[j][j] = 1
	}
	for c := range terms { // Gauss–Jordan with pivots
		best := c
		for r := c; r < terms; r++ {
			if math.Abs(left[r][c]) > math.Abs(left[best][c]) {
				best = r
			}
		}
		left[c], left[best], inverse[c], inverse[best] = left[best], left[c], inverse[best], inverse[c]
		pivot := left[c][c]
		for i := range terms {
			left[c][i] /= pivot
			inverse[c][i] /= pivot
		}
		for r := range terms {
			if factor := left[r][c]; r != c {
				for i := range terms {
					left[r][i] -= factor * left[c][i]
					inverse[r][i] -= factor * inverse[c][i]
				}
			}
		}
	}
	return at, inverse
}

// atEnds returns the weights by which the values at the nodes give the piece's value and its du-slope at u = −1 and u = 1.
func atEnds() (value, slope [2][terms]float64) {
	for e, u := range []float64{-1, 1} {
		for j := range terms {
			power, below := 1.0, 0.0
			for i := range terms {
				value[e][j] += power * toTerms[i][j]
				slope[e][j] += float64(i) * below * toTerms[i][j]
				power, below = power*u, power
			}
		}
	}
	return value, slope
}

var valueAtEnd, slopeAtEnd = atEnds()

// basis holds the normalised distance RBFs B_k = R_k/(ε + Σ R) at the nodes of all pieces that have an end.
type basis struct {
	pieces
	centres, inverse []float64 // μ_k, 1/width [K]
	nodes            []values
	buffer           []float64 // of the nodes' values [nodes, K]
}

// values are the B_k at one distance, but for those that are negligible.
type values struct {
	from int // the first centre
	b    []float64
}

// fault is what the pieces miss: Σ_k |B_k − piece|, and of the slopes.
type fault struct{ value, slope float64 }

func (f fault) within(tolerance float64) bool { return f.value <= tolerance && f.slope <= tolerance }

// or is the larger of both; what is not a number is larger than any.
func (f fault) or(other fault) fault {
	return fault{math.Max(f.value, other.value), math.Max(f.slope, other.slope)}
}

// finer is the number of pieces that will do where so many had this fault, which falls with their seventh power.
func (f fault) finer(count float64) float64 {
	if f.within(Tolerance) {
		return count
	}
	return count * min(2, 1.03*math.Pow(max(f.slope, f.value)/Tolerance, 1./7))
}

// negligible is the share of Σ R below which a basis function is left out: with fifty of them, far under the tolerance.
const negligible = 1e-11

// plan says how a field's distances are to be divided at first.
type plan struct {
	split, end float64
	near, far  float64 // pieces
}

func (f Field) plan() (plan, error) {
	narrowest, widest := math.Inf(1), 0.0
	for _, w := range f.NegLogWidths {
		narrowest, widest = min(narrowest, math.Exp(-w)), max(widest, math.Exp(-w))
	}
	p := plan{split: f.MaxDistance + narrowest, end: f.MaxDistance + widest*math.Sqrt(-math.Log(negligible*regulariser))}
	p.near, p.far = p.split/(firstNear*narrowest)+1, (p.end-p.split)/(firstFar*narrowest)+1
	if !(p.near+p.far <= maxPieces) {
		return p, fmt.Errorf("radial: RBFs of width %.2g to %.2g need more than %d pieces for a table", narrowest, widest, maxPieces)
	}
	return p, nil
}

// newBasis divides the distances finely enough, those beyond split only if they are asked for.
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
		b.leave()
		p.near, p.far = near.finer(p.near), far.finer(p.far)
	}
}

// Pieces of these lengths, in widths of the narrowest RBF, meet the tolerance as a rule.
const (
	firstNear = 0.4
	firstFar  = 0.12 // there the regulariser cuts the RBFs off, faster than they fall themselves
)

// chunks are the parts of a table that cores share. What is summed over them is summed in order, so that it is the same on any
// number of cores.
const chunks = 16

// inChunks calls do for ranges of count numbers, on all cores.
func inChunks(count int, do func(chunk, from, to int)) {
	parallel.Each(chunks, func(i int) { do(i, count*i/chunks, count*(i+1)/chunks) })
}

// divide evaluates the RBFs at the nodes of pieces, and returns what they miss before and beyond split.
func (b *basis) divide(p pieces) (near, far fault) {
	count := p.near + p.far
	b.pieces, b.nodes, b.buffer = p, make([]values, terms*count), spareNumbers.Take(terms*count*len(b.centres))
	found := make([]fault, count)
	inChunks(count, func(_, from, to int) {
		for piece := from; piece < to; piece++ {
			b.evaluate(piece)
		}
		b.check(from, to, found)
	})
	for piece, f := range found {
		if piece < p.near {
			near = near.or(f)
		} else {
			far = far.or(f)
		}
	}
	return near, far
}

// evaluate evaluates the RBFs at a piece's nodes.
func (b *basis) evaluate(piece int) {
	from, to := b.bounds(piece)
	for j, u := range chebyshevNodes {
		at, k := piece*terms+j, len(b.centres)
		b.nodes[at] = b.valuesAt((from+to)/2+u*(to-from)/2, b.buffer[at*k:(at+1)*k])
	}
}

func (b *basis) leave() { spareNumbers.Leave(b.buffer) }

// vanished is the square of (d−μ)/width from which an RBF is nothing even against the regulariser's share that is negligible.
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

// check compares pieces with the RBFs at their ends: there a polynomial through Chebyshev nodes and its slope are furthest off.
func (b *basis) check(first, end int, found []fault) {
	k := len(b.centres)
	buffer := make([]float64, 4*k)
	value, slope := buffer[:k], buffer[k:2*k]
	for piece := first; piece < end; piece++ {
		from, to := b.bounds(piece)
		if piece == first {
			b.exact(from, value, slope)
		}
		f := b.faultOf(piece, 0, 2/(to-from), value, slope, buffer[2*k:])
		b.exact(to, value, slope) // where the next one begins
		found[piece] = f.or(b.faultOf(piece, 1, 2/(to-from), value, slope, buffer[2*k:]))
	}
}

// faultOf compares a piece at one of its ends with the exact values there.
func (b *basis) faultOf(piece, end int, du float64, value, slope, scratch []float64) (f fault) {
	v, s := scratch[:len(value)], scratch[len(value):]
	copy(v, value)
	copy(s, slope)
	for j := range terms {
		node := b.nodes[piece*terms+j]
		addScaled(v[node.from:node.from+len(node.b)], -valueAtEnd[end][j], node.b)
		addScaled(s[node.from:node.from+len(node.b)], -slopeAtEnd[end][j]*du, node.b)
	}
	for k := range v {
		f.value += math.Abs(v[k])
		f.slope += math.Abs(s[k])
	}
	return f
}

// exact returns B_k and dB_k/dd.
func (b *basis) exact(d float64, value, slope []float64) {
	sum, dsum := regulariser, 0.0
	clear(value)
	clear(slope)
	for k, mu := range b.centres {
		if u := (d - mu) * b.inverse[k]; u*u < vanished {
			value[k] = math.Exp(-u * u)
			slope[k] = -2 * u * b.inverse[k] * value[k]
			sum += value[k]
			dsum += slope[k]
		}
	}
	for k := range value {
		value[k] /= sum
		slope[k] = (slope[k] - value[k]*dsum) / sum
	}
}
