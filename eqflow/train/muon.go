package train

import (
	"fmt"
	"math"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/initializer"

	"github.com/eqflow/gonb-eqflow/eqflow/engine"
)

const (
	// muonMinSide is the smallest side of the matrices that Muon moves.
	muonMinSide = 16
	// muonMomentum is the weight of the earlier gradients in a step.
	muonMomentum = 0.95
	// muonIterations is the number of Newton–Schulz iterations.
	muonIterations = 5
	// muonScale sets the length of a step. The largest singular value of a step is muonScale times
	// the learning rate times the root of the matrix's longer side, so that the entries have the
	// size muonScale·rate. On DW4 with one seed, 0.4 and 0.5 gave equal results, and 0.2 and 1 gave
	// worse ones (notebooks/LOG.md).
	muonScale = 0.4
)

// muonEpsilon is the norm of a gradient below which the step shrinks with the gradient. The
// gradient of a layer without influence is rounding noise. Its square may vanish in float32, and
// the division by the norm would then fail.
const muonEpsilon = 1e-8

// The coefficients of the quintic x → ax + bx³ + cx⁵, which takes every singular value in (0, 1]
// close to 1 within five iterations.
const muonA, muonB, muonC = 3.4445, -4.7750, 2.0315

// matrixGroups returns the parameters that Muon moves, in groups of equal shape, as indices into
// the list of parameters.
func matrixGroups(variables []*model.Variable) (groups [][]int) {
	groupOf := map[string]int{} // by shape
	for k, v := range variables {
		d := v.Shape().Dimensions
		if len(d) != 2 || min(d[0], d[1]) < muonMinSide {
			continue
		}
		shape := v.Shape().String()
		if _, ok := groupOf[shape]; !ok {
			groupOf[shape] = len(groups)
			groups = append(groups, nil)
		}
		groups[groupOf[shape]] = append(groups[groupOf[shape]], k)
	}
	return groups
}

// moveMatrices takes a step of Muon (Jordan et al., https://kellerjordan.github.io/posts/muon; with
// the scale of Liu et al., arXiv:2502.16982): it equalises the singular values of each matrix's
// gradient, averaged with Nesterov's momentum. It returns the gradients of the other parameters,
// which Adam moves, in their order, and the matrices that it has moved.
func (t *trainer) moveMatrices(gradients []*Node, rate *Node) (others []*Node, moved []*model.Variable) {
	_, variables := t.Parameters().List(engine.ScopeFlow)
	isMoved := make([]bool, len(variables))
	for _, group := range matrixGroups(variables) {
		var parts []*Node
		for _, k := range group {
			parts, moved, isMoved[k] = append(parts, gradients[k]), append(moved, variables[k]), true
		}
		step := Mul(orthogonal(t.withMomentum(Stack(parts, 0))), rate)
		for i, k := range group {
			v := variables[k]
			longer := max(v.Shape().Dimensions[0], v.Shape().Dimensions[1])
			part := MulScalar(Squeeze(Slice(step, AxisElem(i)), 0), muonScale*math.Sqrt(float64(longer)))
			v.SetNodeValue(Sub(v.NodeValue(rate.Graph()), part))
		}
	}
	for k, g := range gradients {
		if !isMoved[k] {
			others = append(others, g)
		}
	}
	return others, moved
}

// withMomentum updates the moving average of a stack of gradients [matrices, rows, columns], and
// returns Nesterov's look-ahead: one further step of the average towards the gradients.
func (t *trainer) withMomentum(g *Node) *Node {
	d := g.Shape().Dimensions
	average := t.Parameters().Store.Scope("/Muon").WithInitializer(initializer.Zero).
		VariableWithShape(fmt.Sprintf("%d_of_%d_by_%d", d[0], d[1], d[2]), g.Shape()).SetTrainable(false)
	advance := func(average *Node) *Node {
		return Add(MulScalar(average, muonMomentum), MulScalar(g, 1-muonMomentum))
	}
	m := advance(average.NodeValue(g.Graph()))
	average.SetNodeValue(m)
	return advance(m)
}

// orthogonal replaces the singular values of every matrix of a stack [matrices, rows, columns] by
// values near one, 0.6 to 1.3. It takes only products of matrices. The few singular values that are
// far smaller than the largest may stay smaller.
func orthogonal(x *Node) *Node {
	if d := x.Shape().Dimensions; d[1] > d[2] {
		return Transpose(orthogonal(Transpose(x, 1, 2)), 1, 2) // the products below then have the shorter side
	}
	size := Sqrt(ReduceAndKeep(Square(x), ReduceSum, 1, 2))
	x = Div(x, AddScalar(size, muonEpsilon))
	for range muonIterations {
		square := Einsum("kil,kjl->kij", x, x)
		factor := Add(MulScalar(square, muonB), MulScalar(Einsum("kil,klj->kij", square, square), muonC))
		x = Add(MulScalar(x, muonA), Einsum("kil,klj->kij", factor, x))
	}
	return x
}
