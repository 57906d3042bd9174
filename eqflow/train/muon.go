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
	// muonSide is the smallest side of what counts as a matrix of weights.
	muonSide = 16
	// muonMomentum is the share that a step keeps of the gradients before it.
	muonMomentum = 0.95
	// muonRounds is the number of Newton–Schulz iterations.
	muonRounds = 5
	// muonReach makes up for a singular value of one: a step's largest is the learning rate times this and the root of the
	// matrix's longer side, so that its entries have the size muonReach·rate. On DW4, with one seed, 0.2 and 1 were worse
	// than 0.4 and 0.5, which were alike (notebooks/LOG.md).
	muonReach = 0.4
)

// muonLeast is the size of a gradient below which a step is the shorter the smaller the gradient: that of a layer that has no say is rounding
// noise, and its square may vanish in float32, which would leave nothing to divide by.
const muonLeast = 1e-8

// The coefficients of the quintic x → ax + bx³ + cx⁵ that takes every singular value in (0, 1] to about 1 within five rounds.
const muonA, muonB, muonC = 3.4445, -4.7750, 2.0315

// matrices are the parameters that Muon moves, in groups of one shape, as indices into the parameters' order.
func matrices(variables []*model.Variable) (groups [][]int) {
	known := map[string]int{}
	for k, v := range variables {
		d := v.Shape().Dimensions
		if len(d) != 2 || min(d[0], d[1]) < muonSide {
			continue
		}
		shape := v.Shape().String()
		if _, ok := known[shape]; !ok {
			known[shape] = len(groups)
			groups = append(groups, nil)
		}
		groups[known[shape]] = append(groups[known[shape]], k)
	}
	return groups
}

// moveMatrices takes Muon's step (Jordan et al., https://kellerjordan.github.io/posts/muon; with the size of Liu et al.,
// arXiv:2502.16982): all singular values of the averaged gradient of a matrix, Nesterov's way, count alike. It returns the gradients of
// the other parameters, which are Adam's, in their order, and the matrices, which are not.
func (t *trainer) moveMatrices(gradients []*Node, rate *Node) (others []*Node, moved []*model.Variable) {
	_, variables := t.Parameters().List(engine.ScopeFlow)
	isMoved := make([]bool, len(variables))
	for _, group := range matrices(variables) {
		var parts []*Node
		for _, k := range group {
			parts, moved, isMoved[k] = append(parts, gradients[k]), append(moved, variables[k]), true
		}
		step := Mul(orthogonal(t.withMomentum(Stack(parts, 0))), rate)
		for i, k := range group {
			v := variables[k]
			longer := max(v.Shape().Dimensions[0], v.Shape().Dimensions[1])
			part := MulScalar(Squeeze(Slice(step, AxisElem(i)), 0), muonReach*math.Sqrt(float64(longer)))
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

// withMomentum looks one step ahead along the average of a stack of gradients, [matrices, rows, columns], and moves the average.
func (t *trainer) withMomentum(g *Node) *Node {
	d := g.Shape().Dimensions
	average := t.Parameters().Store.Scope("/Muon").WithInitializer(initializer.Zero).
		VariableWithShape(fmt.Sprintf("%d_of_%d_by_%d", d[0], d[1], d[2]), g.Shape()).SetTrainable(false)
	towards := func(average *Node) *Node {
		return Add(MulScalar(average, muonMomentum), MulScalar(g, 1-muonMomentum))
	}
	m := towards(average.NodeValue(g.Graph()))
	average.SetNodeValue(m)
	return towards(m)
}

// orthogonal replaces the singular values of every matrix of a stack, [matrices, rows, columns], by about one, 0.6 to 1.3, by products of
// matrices alone. The few that are far smaller than the largest may be left smaller.
func orthogonal(x *Node) *Node {
	if d := x.Shape().Dimensions; d[1] > d[2] {
		return Transpose(orthogonal(Transpose(x, 1, 2)), 1, 2) // the products below are of the shorter side
	}
	size := Sqrt(ReduceAndKeep(Square(x), ReduceSum, 1, 2))
	x = Div(x, AddScalar(size, muonLeast))
	for range muonRounds {
		square := Einsum("kil,kjl->kij", x, x)
		factor := Add(MulScalar(square, muonB), MulScalar(Einsum("kil,klj->kij", square, square), muonC))
		x = Add(MulScalar(x, muonA), Einsum("kil,klj->kij", factor, x))
	}
	return x
}
