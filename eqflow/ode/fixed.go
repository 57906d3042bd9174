package ode

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Solution is the end of a solve in which a state carries an integral along: for a continuous flow
// the configuration and the log-determinant of its path.
type Solution struct {
	Y        *Node // state at t1, shaped like the start [..., batch]
	Integral *Node // ∫ l dt from t0 to t1 [batch]
	// Penalty is Σ_steps |h|·(|Δl| + ‖Δk‖) between the method's twin stages [batch]: zero for an
	// exact solve, and large where training exploits the solver. Zero for methods without twins.
	Penalty *Node
	// lostY and lostIntegral are what rounding has taken from the two sums so far (Kahan's
	// compensation); nil for none.
	lostY, lostIntegral *Node
}

// Rate is the right-hand side of stage j in step i of a solve: the derivative k of the state y
// [..., batch], and the integrand l [batch].
type Rate func(step, stage int, y *Node) (k, l *Node)

// Fixed solves from t0 to t1 in equal steps, unrolled in the graph, so that GoMLX differentiates it
// like anything else.
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

// advance makes the step whose stages are known.
func (s Solution) advance(method Tableau, h float64, ks, ls []*Node) Solution {
	next := Solution{Penalty: s.Penalty}
	next.Y, next.lostY = compensated(s.Y, s.lostY, weighted(h, method.B, ks))
	next.Integral, next.lostIntegral = compensated(s.Integral, s.lostIntegral, weighted(h, method.B, ls))
	if method.HasTwins() {
		p, q := method.Twins[0], method.Twins[1]
		dl := Abs(Sub(ls[p], ls[q]))
		next.Penalty = Add(s.Penalty, scale(Add(dl, norm(Sub(ks[p], ks[q]))), abs(h)))
	}
	return next
}

// compensated returns sum + step and what rounding lost on the way, to be made up for in the next
// step: without it the rounding of many steps adds up to several times that of the result in
// float32 (Kahan, CACM 8 (1965) 40).
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

// weighted returns h Σ_j weights[j] k_j, nil where all weights are zero.
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

// scale multiplies by a constant. Inside the closures of a While a constant must belong to the
// closure, which MulScalar's cached one does not.
func scale(x *Node, c float64) *Node { return Mul(x, ConstAsDType(x.Graph(), x.DType(), c)) }

// tiny keeps the norm's derivative finite where two stages agree exactly.
const tiny = 1e-12

// norm returns the Euclidean norm [batch] of v [..., batch]. It sums through a Dot, since XLA's
// closures take no second reduction (reductions are cached for one function of a graph).
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

func abs(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}
