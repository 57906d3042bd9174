package train

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// matchingLoss is ⟨|v(x_t, t) − w|²⟩ with x_t = (1−t) z + t x. The mean of w given x_t is the marginal velocity
// E[x − z | x_t]: w is x − z itself, or the mixture of x − z with the energy's gradient that velocity makes.
type matchingLoss struct{ Settings }

// String implements engine.Loss.
func (l matchingLoss) String() string { return string(l.Objective) }

// Graph implements engine.Loss.
func (l matchingLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	at, place := interpolate(in)
	want := Sub(in.X, in.Z)
	if l.usesForces() {
		want = velocity(want, in.Slopes, in.Stiffness, at, place)
	}
	return regress(f.(flow.Partial), in.T, place, want)
}

// interpolate returns the flow times [B, n, d] and x_t.
func interpolate(in engine.Nodes) (at, place *Node) {
	at = BroadcastToShape(ExpandAxes(in.T, 1, 2), in.X.Shape())
	return at, Add(Mul(OneMinus(at), in.Z), Mul(at, in.X))
}

// regress is ⟨|v(place, t) − want|²⟩.
func regress(f flow.Partial, t, place, want *Node) *Node {
	v, _ := f.At(t, place)
	miss := Sub(v, want)
	return ReduceAllMean(ReduceSum(Mul(miss, miss), 1, 2))
}

// AtField implements engine.FieldLoss.
func (l matchingLoss) AtField(in engine.Inputs) engine.FieldTerm {
	place, want := particle.NewBatch(in.X.Len(), in.X.N, in.X.D), particle.NewBatch(in.X.Len(), in.X.N, in.X.D)
	for i, t := range in.T {
		x, z, at, w := in.X.At(i), in.Z.At(i), place.At(i), want.At(i)
		for c := range x {
			at[c] = (1-t)*z[c] + t*x[c]
			w[c] = x[c] - z[c]
		}
		if !l.usesForces() {
			continue
		}
		stiff := in.Stiffness * (1 - t) * (1 - t)
		for c, slope := range in.Slopes.At(i) {
			w[c] = (stiff*w[c] + t*at[c] - (1-t)*slope) / (t*t + stiff)
		}
	}
	return engine.FieldTerm{X: place, T: in.T, Want: want}
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

// energyMatchingLoss is matchingLoss with an estimate of the marginal velocity from the energy alone.
type energyMatchingLoss struct {
	ends
	Settings
}

// String implements engine.Loss.
func (l energyMatchingLoss) String() string { return string(EnergyMatching) }

// Graph implements engine.Loss.
func (l energyMatchingLoss) Graph(f flow.Bijection, in engine.Nodes) *Node {
	at, place := interpolate(in)
	return regress(f.(flow.Partial), in.T, place, l.probedVelocity(in, at, place))
}

// probedVelocity estimates the velocity at x_t from the energy alone. With a normal distribution N(0, s²) in place of the
// target, p(x | x_t) would be normal. Draws x_k of it, from noise ε_k, stand for the target's with weights
// exp(−u(x_k) + |x_k|²/2s²):
//
//	x_k = (s² t x_t + s (1−t) √D ε_k) / D      z_k = ((1−t) x_t − t s √D ε_k) / D      D = (1−t)² + s² t²
//
// Their weighted means of x − z and ∇u give the velocity, and so does the stiffness. Like iDEM's it is biased where few of the
// probes carry the weight.
func (l energyMatchingLoss) probedVelocity(in engine.Nodes, t, place *Node) *Node {
	batch, n, d := place.Shape().Dimensions[0], l.prior.N, l.prior.D
	all := []int{l.Probes, batch, n, d}
	wide := func(v *Node) *Node { return BroadcastToDims(ExpandAxes(v, 0), all...) }
	spread := BroadcastToShape(Reshape(in.Spread, 1, 1, 1), t.Shape())
	rest, reach := OneMinus(t), Mul(spread, t)
	norm := Add(Mul(rest, rest), Mul(reach, reach)) // D
	root, noise := Sqrt(norm), Reshape(in.Probes, all...)
	x := Add(wide(Div(Mul(Mul(spread, reach), place), norm)), Mul(wide(Div(Mul(spread, rest), root)), noise))
	z := Sub(wide(Div(Mul(rest, place), norm)), Mul(wide(Div(reach, root)), noise))

	flat := Reshape(x, l.Probes*batch, n, d)
	u := tamed(l.target.Energy(flat), l.EnergyCut)
	slopes := Reshape(Gradient(ReduceAllSum(u), flat)[0], all...)
	narrow := Reshape(Div(ReduceSum(Mul(x, x), 2, 3), MulScalar(Square(in.Spread), 2)), l.Probes, batch)
	weights := Softmax(Sub(narrow, Reshape(u, l.Probes, batch)), 0)
	mean := func(v *Node) *Node {
		return ReduceSum(Mul(v, BroadcastToShape(ExpandAxes(weights, 2, 3), v.Shape())), 0)
	}
	stiffness := DivScalar(ReduceAllMean(ReduceSum(mean(Mul(slopes, slopes)), 1, 2)), float64(l.prior.DegreesOfFreedom()))
	return StopGradient(velocity(mean(Sub(x, z)), mean(slopes), stiffness, t, place))
}
