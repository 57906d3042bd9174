package eqflow

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
)

// matchingLoss is ⟨|v(x_t, t) − w|²⟩ with x_t = (1−t) z + t x. What is regressed on, w, has the marginal velocity
// E[x − z | x_t] as its mean given x_t: x − z itself, or what velocity makes of it with the energy's gradient.
func (m *Model) matchingLoss(s Settings, f flow.Partial, in fed) *Node {
	at := BroadcastToShape(ExpandAxes(in.t, 1, 2), in.x.Shape())
	place := Add(Mul(OneMinus(at), in.z), Mul(at, in.x))
	want := Sub(in.x, in.z)
	switch {
	case s.Objective == EnergyMatching:
		want = m.probedVelocity(s, in, at, place)
	case s.usesForces():
		want = velocity(want, in.slopes, in.stiffness, at, place)
	}
	v, _ := f.At(in.t, place)
	miss := Sub(v, want)
	return ReduceAllMean(ReduceSum(Mul(miss, miss), 1, 2))
}

// velocity mixes two views of the velocity at x_t, each right on average over p(x | x_t). One is x − z; the other, from the
// identity t·∇log p_t(x_t) = −E[∇u(x) | x_t] (target score matching, De Bortoli et al., arXiv:2402.08667), is
//
//	x_t/t − (1−t)/t² ∇u(x)
//
// Their errors are opposite. For a Gaussian of stiffness h they cancel in the mixture with the share t²/(t² + h(1−t)²) of the
// second, where no noise is left, and nothing in it diverges at either end:
//
//	w = [ h(1−t)² (x − z) + t x_t − (1−t) ∇u(x) ] / (t² + h(1−t)²)
func velocity(way, slopes, stiffness, t, place *Node) *Node {
	rest := OneMinus(t)
	h := BroadcastToShape(Reshape(stiffness, 1, 1, 1), t.Shape())
	stiff := Mul(h, Mul(rest, rest))
	sum := Add(Mul(stiff, way), Sub(Mul(t, place), Mul(rest, slopes)))
	return Div(sum, Add(Mul(t, t), stiff))
}

// probedVelocity estimates the velocity at x_t from the energy alone. With a wide normal N(0, s²) in the place of the target,
// p(x | x_t) would be a normal; draws x_k of it, from noise ε_k, stand for the target's with weights exp(−u(x_k) + |x_k|²/2s²):
//
//	x_k = (s² t x_t + s (1−t) √D ε_k) / D      z_k = ((1−t) x_t − t s √D ε_k) / D      D = (1−t)² + s² t²
//
// Their weighted means of x − z and ∇u give velocity, and so does the stiffness. Like iDEM's it is biased where few of the
// probes carry the weight.
func (m *Model) probedVelocity(s Settings, in fed, t, place *Node) *Node {
	batch, n, d := place.Shape().Dimensions[0], m.Prior.N, m.Prior.D
	all := []int{s.Probes, batch, n, d}
	wide := func(v *Node) *Node { return BroadcastToDims(ExpandAxes(v, 0), all...) }
	spread := BroadcastToShape(Reshape(in.spread, 1, 1, 1), t.Shape())
	rest, reach := OneMinus(t), Mul(spread, t)
	norm := Add(Mul(rest, rest), Mul(reach, reach)) // D
	root, noise := Sqrt(norm), Reshape(in.probes, all...)
	x := Add(wide(Div(Mul(Mul(spread, reach), place), norm)), Mul(wide(Div(Mul(spread, rest), root)), noise))
	z := Sub(wide(Div(Mul(rest, place), norm)), Mul(wide(Div(reach, root)), noise))

	flat := Reshape(x, s.Probes*batch, n, d)
	u := tamed(m.Target.Energy(flat), s.EnergyCut)
	slopes := Reshape(Gradient(ReduceAllSum(u), flat)[0], all...)
	narrow := Reshape(Div(ReduceSum(Mul(x, x), 2, 3), MulScalar(Square(in.spread), 2)), s.Probes, batch)
	weights := Softmax(Sub(narrow, Reshape(u, s.Probes, batch)), 0)
	mean := func(v *Node) *Node {
		return ReduceSum(Mul(v, BroadcastToShape(ExpandAxes(weights, 2, 3), v.Shape())), 0)
	}
	stiffness := DivScalar(ReduceAllMean(ReduceSum(mean(Mul(slopes, slopes)), 1, 2)), float64(m.Prior.DegreesOfFreedom()))
	return StopGradient(velocity(mean(Sub(x, z)), mean(slopes), stiffness, t, place))
}
