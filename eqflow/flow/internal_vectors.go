package flow

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// vectors are vectors in space by their components [rows, batch].
type vectors struct{ x, y, z *Node }

// each applies an operation to all components.
func (a vectors) each(apply func(c *Node) *Node) vectors {
	return vectors{apply(a.x), apply(a.y), apply(a.z)}
}

func (a vectors) plus(b vectors) vectors { return vectors{Add(a.x, b.x), Add(a.y, b.y), Add(a.z, b.z)} }
func (a vectors) minus(b vectors) vectors {
	return vectors{Sub(a.x, b.x), Sub(a.y, b.y), Sub(a.z, b.z)}
}

// times multiplies by numbers [rows, batch].
func (a vectors) times(s *Node) vectors {
	return a.each(func(c *Node) *Node { return Mul(c, s) })
}

func (a vectors) dot(b vectors) *Node { return Add(Add(Mul(a.x, b.x), Mul(a.y, b.y)), Mul(a.z, b.z)) }

func (a vectors) cross(b vectors) vectors {
	return vectors{
		Sub(Mul(a.y, b.z), Mul(a.z, b.y)), Sub(Mul(a.z, b.x), Mul(a.x, b.z)), Sub(Mul(a.x, b.y), Mul(a.y, b.x)),
	}
}

func (a vectors) norm() *Node { return Sqrt(a.dot(a)) }

func (a vectors) unit() vectors { return a.times(Reciprocal(a.norm())) }

// rows selects rows by their numbers.
func (a vectors) rows(numbers []int) vectors {
	return a.each(func(c *Node) *Node { return rowsOf(c, numbers) })
}

// rowsOf selects rows of x [rows, ...] by their numbers.
func rowsOf(x *Node, numbers []int) *Node {
	indices := make([][]int32, len(numbers))
	for k, i := range numbers {
		indices[k] = []int32{int32(i)}
	}
	return Gather(x, Const(x.Graph(), indices))
}

// rowAt returns row k of x [rows, batch], as [batch].
func rowAt(x *Node, k int) *Node { return Squeeze(SliceAxis(x, 0, AxisRange(k, k+1)), 0) }

// joined appends rows.
func (a vectors) joined(b vectors) vectors {
	join := func(p, q *Node) *Node { return Concatenate([]*Node{p, q}, 0) }
	return vectors{join(a.x, b.x), join(a.y, b.y), join(a.z, b.z)}
}

// angle is the angle of the point (x, y), within ±π, with its gradient, which Atan2 alone lacks.
func angle(y, x *Node) *Node {
	y0, x0 := StopGradient(y), StopGradient(x)
	tangent := Div(Sub(Mul(x0, y), Mul(y0, x)), Add(Mul(x0, x0), Mul(y0, y0)))
	return Add(Atan2(y0, x0), Sub(tangent, StopGradient(tangent)))
}

// wrapped is an angle within [−π, π).
func wrapped(a *Node) *Node {
	turns := Floor(AddScalar(MulScalar(a, 1/(2*math.Pi)), 0.5))
	return Sub(a, MulScalar(StopGradient(turns), 2*math.Pi))
}

// normalCDF is Φ, and logNormal is the logarithm of its slope.
func normalCDF(y *Node) *Node {
	return MulScalar(AddScalar(Erf(MulScalar(y, math.Sqrt2/2)), 1), 0.5)
}

func logNormal(y *Node) *Node {
	return AddScalar(MulScalar(Mul(y, y), -0.5), -0.5*math.Log(2*math.Pi))
}

// The polynomials of Giles's inverse error function in single precision (GPU Computing Gems, 2011),
// in the middle and in the tails.
var (
	erfinvMiddle = []float64{2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
		-0.00125372503, -0.00417768164, 0.246640727, 1.50140941}
	erfinvTails = []float64{-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
		-0.0076224613, 0.00943887047, 1.00167406, 2.83297682}
)

// normalQuantile is the inverse of normalCDF. Its error is that of single precision, or of two
// steps by Newton's method where share is in double precision. Shares 0 and 1 give the ends of the
// range that the precision resolves.
func normalQuantile(share *Node) *Node {
	g, dtype := share.Graph(), share.DType()
	double := dtype.Size() == 8
	nearest := 6e-8
	if double {
		nearest = 1e-15
	}
	limit := Scalar(g, dtype, 1-nearest)
	v := Max(Min(AddScalar(MulScalar(share, 2), -1), limit), Neg(limit))
	w := Neg(Log(Mul(OneMinus(v), AddScalar(v, 1))))
	inTails := GreaterOrEqual(w, Scalar(g, dtype, 5))
	tails := polynomial(AddScalar(Sqrt(Max(w, Scalar(g, dtype, 5))), -3), erfinvTails)
	y := MulScalar(Mul(v, Where(inTails, tails, polynomial(AddScalar(w, -2.5), erfinvMiddle))), math.Sqrt2)
	if double {
		for range 2 {
			y = Sub(y, Div(Sub(normalCDF(y), share), Exp(logNormal(y))))
		}
	}
	return y
}

// polynomial is a polynomial by its coefficients, the highest power's first.
func polynomial(x *Node, coefficients []float64) *Node {
	out := AddScalar(ZerosLike(x), coefficients[0])
	for _, c := range coefficients[1:] {
		out = AddScalar(Mul(out, x), c)
	}
	return out
}
