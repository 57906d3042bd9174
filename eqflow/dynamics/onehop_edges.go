package dynamics

import (
	"math"

	. "github.com/gomlx/gomlx/core/graph"
)

// edgeGeometry describes the edges for positions y [n, d, batch], and the time. Arrays on edges are
// [n, n, batch, …]: element [j, i] is particle i's edge to j. On the diagonal i = j the offset is
// zero; its elements keep the broadcasts plain. Every dual on edges has one direction, written δ in
// OneHop: particle i of the edge moves along r_ij.
type edgeGeometry struct {
	offset        *Node   // r_ij [n, n, d, batch]
	unit          []*Node // û_ij by coordinate, each [n, n, batch]
	distance      *Node   // d_ij [n, n, batch]
	deltaDistance *Node   // δd_ij = r²/d [n, n, batch]
	softening     *Node   // ε/d²: δû_ij = softening·û_ij [n, n, batch]
	square        *Node   // |û_ij|² = 1 − softening [n, n, batch]
	offDiagonal   *Node   // 1 for i ≠ j, 0 for i = j [n, n, batch]
	times         *Node   // [batch, numTimeFeatures]
	basis         dual    // R(d_ij) [n, n, batch, Centres], with the derivatives by d_ij
}

func (f *oneHopField) edgesAt(y, times *Node) edgeGeometry {
	n, d, batch := f.system.N, f.system.D, y.Shape().Dimensions[2]
	e := edgeGeometry{times: times}
	e.offset = Sub(repeat(0, n)(y, 0), repeat(1, n)(y, 0))
	square := sumAxis(2)(Mul(e.offset, e.offset), 0)
	e.distance = Sqrt(Add(square, scalar(square, regulariser)))
	e.deltaDistance = Div(square, e.distance)
	inverse := Div(scalar(square, 1), e.distance)
	e.softening = Mul(scalar(square, regulariser), Mul(inverse, inverse))
	e.square = Sub(scalar(e.softening, 1), e.softening)
	for k := range d {
		coordinate := Reshape(SliceAxis(e.offset, 2, AxisRange(k, k+1)), n, n, batch)
		e.unit = append(e.unit, Mul(coordinate, inverse))
	}
	e.offDiagonal = repeat(2, batch)(ConstAsDType(y.Graph(), y.DType(), offDiagonal(n)), 0)
	e.basis = f.byPairRole(f.basis(e.distance))
	return e
}

// offDiagonal returns the matrix [n][n] of ones with zeros on the diagonal.
func offDiagonal(n int) [][]float64 {
	rows := make([][]float64, n)
	for i := range rows {
		rows[i] = make([]float64, n)
		for j := range rows[i] {
			if i != j {
				rows[i][j] = 1
			}
		}
	}
	return rows
}

// basis returns the radial basis functions exp(−((ρ−μ)/γ)²) of ρ = asinh(d/Core)·Core, with their
// derivatives by d.
func (f *oneHopField) basis(distance *Node) dual {
	k, core := f.config.Centres, f.config.Core
	spacing := core * math.Asinh(f.config.MaxDistance/core) / float64(k-1)
	x := Mul(distance, scalar(distance, 1/core))
	root := Sqrt(Add(Mul(x, x), scalar(x, 1)))
	rho := Mul(Log(Add(x, root)), scalar(x, core/spacing))
	slope := Div(scalar(x, 1/spacing), root)
	wide := repeat(3, k)(rho, 0)
	centres := ConstAsDType(distance.Graph(), distance.DType(), evenly(0, float64(k-1), k))
	u := Sub(wide, BroadcastToShape(ExpandLeftToRank(centres, wide.Rank()), wide.Shape()))
	r := Exp(Neg(Mul(u, u)))
	return dual{r, ExpandAxes(Mul(Mul(r, u), Mul(repeat(3, k)(slope, 0), scalar(r, -2))), 0)}
}

// delta turns derivatives by d_ij into δ.
func (e edgeGeometry) delta(a dual) dual {
	return dual{a.value, a.tangentsTimes(e.repeatChannels(e.deltaDistance, a.value))}
}

// sumNeighbours sums values on edges [n, n, batch, …] over the neighbours: [n, batch, …].
// sumNeighbours and toEdges are matrix products with ones, and so is the gradient of each: on a
// CPU, XLA's own reductions go over the batch one number at a time.
func sumNeighbours(x *Node) *Node {
	dims := x.Shape().Dimensions
	return Reshape(DotProduct(ones(x, 1, dims[0]), Reshape(x, dims[0], -1)), dims[1:]...)
}

// toEdges gives the values of particles [n, batch, …] to their edges [n, n, batch, …].
func toEdges(x *Node) *Node {
	dims := x.Shape().Dimensions
	return Reshape(DotProduct(ones(x, dims[0], 1), Reshape(x, 1, -1)), append([]int{dims[0]}, dims...)...)
}

// ones returns an array of ones of x's type in x's graph.
func ones(x *Node, dims ...int) *Node { return BroadcastToDims(scalar(x, 1), dims...) }

// reversed exchanges the two particles of every edge: a_ij becomes a_ji.
func reversed(a *Node) *Node {
	axes := make([]int, a.Rank())
	for k := range axes {
		axes[k] = k
	}
	axes[0], axes[1] = 1, 0
	return TransposeAllDims(a, axes...)
}

// repeatChannels broadcasts a [n, n, batch] along the last axis of like [n, n, batch, out].
func (e edgeGeometry) repeatChannels(a, like *Node) *Node {
	if a.Rank() == like.Rank() {
		return a
	}
	return BroadcastToShape(ExpandAxes(a, -1), like.Shape())
}

// scaled multiplies values on edges x [n, n, batch, out] by factors a [n, n, batch].
func (e edgeGeometry) scaled(x, a *Node) *Node { return Mul(x, e.repeatChannels(a, x)) }
