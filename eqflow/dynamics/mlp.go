package dynamics

import (
	"cmp"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// MLP is a plain vector field on the mean-free subspace, for comparison. Its only symmetry is
// translation. Its divergence is exact: one forward-mode pass differentiates in each of the (n−1)·d
// directions.
type MLP struct {
	Hidden int // width of each hidden layer; default 64
	Layers int // hidden layers; default 2
}

// WithDefaults fills the zero fields in.
func (m MLP) WithDefaults() MLP {
	return MLP{Hidden: cmp.Or(m.Hidden, 64), Layers: cmp.Or(m.Layers, 2)}
}

// Validate returns an error if a size is out of range.
func (m MLP) Validate() error {
	m = m.WithDefaults()
	if m.Hidden < 1 || m.Layers < 1 {
		return fmt.Errorf("dynamics: the MLP field has %d layers of width %d; give at least one layer of width 1",
			m.Layers, m.Hidden)
	}
	return nil
}

type mlpField struct {
	system System
	basis  *Node // [n·d, (n−1)·d]
	net    Perceptron
}

// Bind implements Config.
func (m MLP) Bind(scope *model.Scope, g *Graph, system System) Field {
	m = m.WithDefaults()
	basis := particle.MeanFreeBasis(system.N, system.D)
	f := &mlpField{system: system, basis: ConstAsDType(g, system.FloatType(), basis)}
	widths := []int{len(basis[0]) + 1}
	for range m.Layers {
		widths = append(widths, m.Hidden)
	}
	f.net = BindPerceptron(scope, g, system, append(widths, len(basis[0])), 0.1)
	return f
}

// At implements Field.
func (f *mlpField) At(t, x *Node) (v, div *Node) {
	batch, free := x.Shape().Dimensions[0], f.basis.Shape().Dimensions[1]
	identity := make([][]float64, free)
	for k := range identity {
		identity[k] = make([]float64, free)
		identity[k][k] = 1
	}
	directions := ExpandAxes(ConstAsDType(x.Graph(), x.DType(), identity), 0)
	v, products := f.along(t, x, BroadcastToDims(directions, batch, free, free))
	return v, ReduceSum(products, 1)
}

// Along implements Probed.
func (f *mlpField) Along(t, x, probes *Node) (v, products *Node) {
	dims := probes.Shape().Dimensions // [probes, n, d, batch]
	directions := Einsum("kmb,mf->bkf", Reshape(probes, dims[0], dims[1]*dims[2], dims[3]), f.basis)
	v, products = f.along(t, x, directions)
	return v, Transpose(products, 0, 1)
}

// along returns the velocity v [batch, n, d] and u·(∂v/∂x)u [batch, directions] for the directions
// u [batch, directions, free], given in coordinates of the mean-free subspace.
func (f *mlpField) along(t, x, directions *Node) (v, products *Node) {
	batch, n, d := x.Shape().Dimensions[0], f.system.N, f.system.D
	y := DotProduct(Reshape(x, batch, n*d), f.basis)
	input := Concatenate([]*Node{y, ExpandAxes(t, -1)}, 1)
	zeros := ZerosLike(SliceAxis(directions, 2, AxisRange(0, 1))) // the time is held constant
	out, tangents := f.net.ApplyAlong(input, Concatenate([]*Node{directions, zeros}, 2))
	return Reshape(DotProduct(out, Transpose(f.basis, 0, 1)), batch, n, d), ReduceSum(Mul(tangents, directions), 2)
}
