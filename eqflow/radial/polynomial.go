package radial

import "math"

// terms is the number of coefficients of a piece: a polynomial of degree 7 through its Chebyshev
// nodes. Among degrees 5, 7 and 9 it is the cheapest to make and to look up at the tolerance.
const terms = 8

// polynomial holds the coefficients of a piece in its local coordinate u ∈ [−1, 1].
type polynomial [terms]float64

// add adds share·q. It is written out, as dot is: the compiler does not unroll loops.
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

// dot returns the inner product of the coefficients.
func (p *polynomial) dot(q *polynomial) float64 {
	return (p[0]*q[0] + p[1]*q[1]) + (p[2]*q[2] + p[3]*q[3]) + ((p[4]*q[4] + p[5]*q[5]) + (p[6]*q[6] + p[7]*q[7]))
}

// chebyshevNodes are the Chebyshev nodes in the local coordinate. toTerms [terms, terms] turns
// values at the nodes into coefficients, and fromTerms is its transpose.
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

// chebyshev returns the nodes and the inverse of their Vandermonde matrix, by Gauss–Jordan
// elimination with pivots.
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
	for c := range terms {
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

// valueAtEnd and slopeAtEnd are the weights by which the values at the nodes give the value of a
// piece and its derivative by u, at u = −1 and at u = 1.
var valueAtEnd, slopeAtEnd = atEnds()

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
