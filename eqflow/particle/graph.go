package particle

import "github.com/gomlx/gomlx/core/graph"

// PairDifferences returns x_i − x_j for all pairs i < j, in the order of Pairs. It maps x [batch,
// n, d] to [batch, pairs, d].
//
// A product with the constant incidence matrix replaces a gather, because the gradient of a gather
// is a scatter.
func PairDifferences(x *graph.Node) *graph.Node {
	incidence := graph.ConstAs(x, incidence(x.Shape().Dimensions[1]))
	return graph.Einsum("pn,bnd->bpd", incidence, x)
}

// SquaredPairDistances returns |x_i − x_j|² for all pairs i < j. It maps x [batch, n, d] to [batch,
// pairs].
func SquaredPairDistances(x *graph.Node) *graph.Node {
	return graph.ReduceSum(graph.Square(PairDifferences(x)), -1)
}

// PairDistances returns √(|x_i − x_j|² + eps) for all pairs i < j. It maps x [batch, n, d] to
// [batch, pairs].
//
// A small eps > 0 (length squared) makes the gradient finite where two particles coincide.
func PairDistances(x *graph.Node, eps float64) *graph.Node {
	return graph.Sqrt(graph.AddScalar(SquaredPairDistances(x), eps))
}

// Displacements returns x_i − x_j for all ordered pairs. It maps x [batch, n, d] to [batch, n, n,
// d].
func Displacements(x *graph.Node) *graph.Node {
	return graph.Sub(graph.InsertAxes(x, 2), graph.InsertAxes(x, 1))
}

// MeanFree moves the centre of mass of every configuration to the origin. x and the result are
// [batch, n, d].
func MeanFree(x *graph.Node) *graph.Node {
	return graph.Sub(x, graph.ReduceAndKeep(x, graph.ReduceMean, 1))
}

// incidence returns the matrix [pairs][n] that maps positions to pair differences: +1 at i, −1 at
// j.
func incidence(n int) [][]float64 {
	pairs := Pairs(n)
	rows := make([][]float64, len(pairs))
	for p, pair := range pairs {
		rows[p] = make([]float64, n)
		rows[p][pair[0]], rows[p][pair[1]] = 1, -1
	}
	return rows
}
