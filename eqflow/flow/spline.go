package flow

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// smallestBin is the least width and height of a spline's bin, as a share of an equal one.
const smallestBin = 1e-2

// steepest bounds the logarithm of a spline's slope at a knot.
const steepest = 4

// spline is a monotone rational-quadratic spline of the interval [−bound, bound] onto itself
// (Durkan et al., arXiv:1906.04032), for each of many numbers x [...]. At raw numbers 0 it is the
// identity.
type spline struct {
	bound         float64
	left, bottom  *Node // the bins' lower ends [..., bins]
	width, height *Node // [..., bins]
	slope, after  *Node // at the lower and the upper ends [..., bins]
}

// circular makes the spline of a circle from raw numbers [..., 3·bins]: both ends have the same
// slope (Rezende et al., arXiv:2002.02428).
func circular(raw *Node, bins int) spline {
	s := newSpline(raw, bins, math.Pi)
	axis := raw.Rank() - 1
	s.slope = Exp(bounded(SliceAxis(raw, axis, AxisRange(2*bins)), steepest))
	first := SliceAxis(s.slope, axis, AxisRange(0, 1))
	s.after = Concatenate([]*Node{SliceAxis(s.slope, axis, AxisRange(1)), first}, axis)
	return s
}

// tailed makes a spline from raw numbers [..., 3·bins−1] whose slope is 1 at both ends, so that
// the identity continues it.
func tailed(raw *Node, bins int, bound float64) spline {
	s := newSpline(raw, bins, bound)
	axis := raw.Rank() - 1
	inner := Exp(bounded(SliceAxis(raw, axis, AxisRange(2*bins)), steepest))
	one := OnesLike(SliceAxis(inner, axis, AxisRange(0, 1)))
	s.slope = Concatenate([]*Node{one, inner}, axis)
	s.after = Concatenate([]*Node{inner, one}, axis)
	return s
}

// bounded keeps x within ±bound, and leaves it as it is near 0.
func bounded(x *Node, bound float64) *Node {
	return MulScalar(Tanh(MulScalar(x, 1/bound)), bound)
}

func newSpline(raw *Node, bins int, bound float64) spline {
	axis := raw.Rank() - 1
	s := spline{bound: bound}
	sizes := func(from int) *Node {
		share := Softmax(SliceAxis(raw, axis, AxisRange(from, from+bins)), axis)
		return MulScalar(AddScalar(MulScalar(share, 1-smallestBin), smallestBin/float64(bins)), 2*bound)
	}
	before := make([][]float64, bins) // sums the bins before each
	for i := range before {
		before[i] = make([]float64, bins)
		for k := i + 1; k < bins; k++ {
			before[i][k] = 1
		}
	}
	sums := ConstAsDType(raw.Graph(), raw.DType(), before)
	s.width, s.height = sizes(0), sizes(bins)
	dims := raw.Shape().Dimensions[:axis]
	lower := func(size *Node) *Node {
		flat := DotProduct(Reshape(size, -1, bins), sums)
		return AddScalar(Reshape(flat, append(append([]int{}, dims...), bins)...), -bound)
	}
	s.left, s.bottom = lower(s.width), lower(s.height)
	return s
}

// bin selects the bin of v among bins that begin at lower.
type bin struct{ left, bottom, width, height, slope, after *Node }

func (s spline) bin(v, lower *Node) bin {
	axis := lower.Rank() - 1
	bins := lower.Shape().Dimensions[axis]
	reached := ConvertDType(GreaterOrEqual(ExpandAxes(v, -1), lower), v.DType())
	first := OnesLike(SliceAxis(reached, axis, AxisRange(0, 1))) // v may lie a rounding error below it
	later := SliceAxis(reached, axis, AxisRange(1))
	in := Sub(Concatenate([]*Node{first, later}, axis), Concatenate([]*Node{later, ZerosLike(first)}, axis))
	if bins == 1 {
		in = first
	}
	pick := func(of *Node) *Node { return ReduceSum(Mul(in, of), axis) }
	return bin{pick(s.left), pick(s.bottom), pick(s.width), pick(s.height), pick(s.slope), pick(s.after)}
}

// apply returns the spline of v, within its bounds, and the logarithm of its slope.
func (s spline) apply(v *Node) (out, logSlope *Node) {
	b := s.bin(v, s.left)
	return b.at(Div(Sub(v, b.left), b.width))
}

// at returns the spline and the logarithm of its slope at a share of the bin's width.
func (b bin) at(share *Node) (out, logSlope *Node) {
	rest := OneMinus(share)
	both := Mul(share, rest)
	steep := Div(b.height, b.width)
	excess := Sub(Add(b.slope, b.after), MulScalar(steep, 2))
	below := Add(steep, Mul(excess, both))
	square := Mul(share, share)
	out = Add(b.bottom, Div(Mul(b.height, Add(Mul(steep, square), Mul(b.slope, both))), below))
	rise := Add(Add(Mul(b.after, square), MulScalar(Mul(steep, both), 2)), Mul(b.slope, Mul(rest, rest)))
	return out, Add(Log(rise), MulScalar(Sub(Log(steep), Log(below)), 2))
}

// invert is the inverse of apply; logSlope is that of the inverse.
func (s spline) invert(v *Node) (out, logSlope *Node) {
	b := s.bin(v, s.bottom)
	rise := Sub(v, b.bottom)
	steep := Div(b.height, b.width)
	excess := Mul(rise, Sub(Add(b.slope, b.after), MulScalar(steep, 2)))
	quadratic := Add(Mul(b.height, Sub(steep, b.slope)), excess)
	linear := Sub(Mul(b.height, b.slope), excess)
	constant := Neg(Mul(steep, rise))
	root := Sub(Mul(linear, linear), MulScalar(Mul(quadratic, constant), 4))
	root = Sqrt(Max(root, Scalar(v.Graph(), v.DType(), 1e-20))) // at 0 its gradient is infinite
	share := Div(MulScalar(constant, -2), Add(linear, root))
	_, forward := b.at(share)
	return Add(b.left, Mul(share, b.width)), Neg(forward)
}

// beyond applies a map of the interval to x, and leaves x as it is outside.
func (s spline) beyond(x *Node, apply func(v *Node) (out, logSlope *Node)) (out, logSlope *Node) {
	inside := LessThan(Abs(x), Scalar(x.Graph(), x.DType(), s.bound))
	v := Where(inside, x, ZerosLike(x))
	out, logSlope = apply(v)
	return Where(inside, out, x), Where(inside, logSlope, ZerosLike(logSlope))
}
