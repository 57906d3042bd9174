package ode

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// Solution is the end of a solve in a graph. The solve carries an integral along with the state:
// for a continuous flow, the state is the configuration and the integral is the log-determinant.
type Solution struct {
	Y        *Node // state at t1, with the shape of the start [..., batch]
	Integral *Node // ∫ l dt from t0 to t1 [batch]
	// Penalty is Σ_steps |h|·(|Δl| + ‖Δk‖) [batch], with differences between the twin stages of the
	// method. It is zero for an exact solve and for methods without twins, and large if training
	// exploits the errors of the solver.
	Penalty *Node
	// lostY and lostIntegral are the parts of the two sums that rounding has lost so far (Kahan's
	// compensation); nil means none.
	lostY, lostIntegral *Node
}

// Rate is the right-hand side at a stage of a step of a solve: the derivative k of the state y
// [..., batch], and the integrand l [batch].
type Rate func(step, stage int, y *Node) (k, l *Node)

// Fixed solves from t0 to t1 in equal steps, unrolled in the graph, so that GoMLX can differentiate
// the solve.
func Fixed(method Tableau, rate Rate, y *Node, t0, t1 float64, steps int) Solution {
	g, h := y.Graph(), (t1-t0)/float64(steps)
	batch := y.Shape().Dimensions[y.Rank()-1]
	zero := BroadcastToDims(ConstAsDType(g, y.DType(), 0), batch)
	sol := Solution{Y: y, Integral: zero, Penalty: zero}
	for i := range steps {
		ks, ls := make([]*Node, method.Stages()), make([]*Node, method.Stages())
		for j := range ks {
			ks[j], ls[j] = rate(i, j, combine(sol.Y, h, method.A[j], ks))
		}
		sol = sol.advance(method, h, ks, ls)
	}
	return sol
}

// advance completes a step whose stages are known.
func (s Solution) advance(method Tableau, h float64, ks, ls []*Node) Solution {
	next := Solution{Penalty: s.Penalty}
	next.Y, next.lostY = compensated(s.Y, s.lostY, weighted(h, method.B, ks))
	next.Integral, next.lostIntegral = compensated(s.Integral, s.lostIntegral, weighted(h, method.B, ls))
	if method.HasTwins() {
		p, q := method.Twins[0], method.Twins[1]
		dl := Abs(Sub(ls[p], ls[q]))
		next.Penalty = Add(s.Penalty, scale(Add(dl, norm(Sub(ks[p], ks[q]))), math.Abs(h)))
	}
	return next
}

// compensated returns sum + step and the part that rounding loses, which the next step restores.
// Without compensation, the rounding of many steps in float32 adds up to several times that of the
// result (Kahan, CACM 8 (1965) 40).
func compensated(sum, lost, step *Node) (*Node, *Node) {
	if lost != nil {
		step = Sub(step, lost)
	}
	next := Add(sum, step)
	return next, StopGradient(Sub(Sub(next, sum), step))
}

// combine returns y + h Σ_j weights[j] k_j.
func combine(y *Node, h float64, weights []float64, ks []*Node) *Node {
	if step := weighted(h, weights, ks); step != nil {
		return Add(y, step)
	}
	return y
}

// weighted returns h Σ_j weights[j] k_j, nil if all weights are zero.
func weighted(h float64, weights []float64, ks []*Node) *Node {
	var sum *Node
	for j, w := range weights {
		switch {
		case w == 0:
		case sum == nil:
			sum = scale(ks[j], h*w)
		default:
			sum = Add(sum, scale(ks[j], h*w))
		}
	}
	return sum
}

// scale multiplies by a constant. Inside the closure of a While loop, a constant must belong to the
// closure. The constants of MulScalar do not, because GoMLX caches them.
func scale(x *Node, c float64) *Node { return Mul(x, ConstAsDType(x.Graph(), x.DType(), c)) }

// tiny keeps the derivative of the norm finite if two stages agree exactly.
const tiny = 1e-12

// norm returns the Euclidean norm [batch] of v [..., batch]. It sums by a Dot, because the closures
// of XLA accept no second reduction (GoMLX caches a reduction for one function of a graph).
func norm(v *Node) *Node {
	batch := v.Shape().Dimensions[v.Rank()-1]
	flat := Reshape(v, -1, batch)
	square := Mul(flat, flat)
	return Sqrt(Add(sumLeading(square), ConstAsDType(v.Graph(), v.DType(), tiny)))
}

// sumLeading returns Σ_i v[i, b] [batch].
func sumLeading(v *Node) *Node {
	rows, batch := v.Shape().Dimensions[0], v.Shape().Dimensions[1]
	ones := BroadcastToDims(ConstAsDType(v.Graph(), v.DType(), 1), 1, rows)
	return Reshape(DotProduct(ones, v), batch)
}
