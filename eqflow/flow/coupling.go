package flow

import (
	"cmp"
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Coupling is a RealNVP flow: affine coupling layers on the (n−1)·d coordinates of the mean-free
// subspace. Each layer scales and shifts one half of the coordinates by networks of the other half.
// The only symmetry is translation. Source: Dinh, Sohl-Dickstein and Bengio, arXiv:1605.08803.
type Coupling struct {
	Blocks int // coupling layers; default 8
	Hidden int // width of the networks' hidden layers; default 100
	Layers int // hidden layers of a network; default 2
}

// WithDefaults fills the zero fields in.
func (c Coupling) WithDefaults() Coupling {
	return Coupling{Blocks: cmp.Or(c.Blocks, 8), Hidden: cmp.Or(c.Hidden, 100), Layers: cmp.Or(c.Layers, 2)}
}

// Validate returns an error if a size is out of range.
func (c Coupling) Validate() error {
	c = c.WithDefaults()
	if c.Blocks < 1 || c.Hidden < 1 || c.Layers < 1 {
		return fmt.Errorf("flow: the coupling flow has %d blocks of %d layers of width %d; give at least one of each",
			c.Blocks, c.Layers, c.Hidden)
	}
	return nil
}

// maxLogScale bounds the log-scale of a layer, so that no step of training overflows.
const maxLogScale = 2

// coupling is a bound Coupling. It works on coordinates y [batch, free] of the mean-free subspace.
type coupling struct {
	system System
	basis  *Node                 // [n·d, free]
	nets   []dynamics.Perceptron // of each layer
	free   int                   // (n−1)·d
}

// Bind implements Config.
func (c Coupling) Bind(scope *model.Scope, g *Graph, system System) Bijection {
	c = c.WithDefaults()
	basis := particle.MeanFreeBasis(system.N, system.D)
	if len(basis[0]) < 2 {
		panic(fmt.Errorf("flow: a coupling flow needs 2 coordinates to split; "+
			"%d particles in %d dimensions have %d: use flow.Continuous", system.N, system.D, len(basis[0])))
	}
	b := &coupling{system: system, basis: ConstAsDType(g, system.FloatType(), basis), free: len(basis[0])}
	for k := range c.Blocks {
		kept, moved := b.sizes(k)
		widths := []int{kept}
		for range c.Layers {
			widths = append(widths, c.Hidden)
		}
		layer := system
		layer.Seed = system.Seed*1000 + uint64(k)
		net := dynamics.BindPerceptron(scope.In("layer_%d", k), g, layer, append(widths, 2*moved), 0.05)
		b.nets = append(b.nets, net)
	}
	return b
}

// sizes returns how many coordinates layer k keeps and moves. The halves alternate.
func (b *coupling) sizes(k int) (kept, moved int) {
	half := b.free / 2
	if k%2 == 0 {
		return half, b.free - half
	}
	return b.free - half, half
}

// split returns the halves of y [batch, free] that layer k keeps and moves.
func (b *coupling) split(k int, y *Node) (kept, moved *Node) {
	half := b.free / 2
	first, second := SliceAxis(y, 1, AxisRange(0, half)), SliceAxis(y, 1, AxisRange(half))
	if k%2 == 0 {
		return first, second
	}
	return second, first
}

// join is the inverse of split.
func (b *coupling) join(k int, kept, moved *Node) *Node {
	if k%2 == 0 {
		return Concatenate([]*Node{kept, moved}, 1)
	}
	return Concatenate([]*Node{moved, kept}, 1)
}

// affine returns the log-scale and the shift of layer k for the half that it keeps.
func (b *coupling) affine(k int, kept *Node) (logScale, shift *Node) {
	_, moved := b.sizes(k)
	out := b.nets[k].Apply(kept)
	logScale = MulScalar(Tanh(SliceAxis(out, 1, AxisRange(0, moved))), maxLogScale)
	return logScale, SliceAxis(out, 1, AxisRange(moved))
}

// Forward implements Bijection.
func (b *coupling) Forward(z *Node) Image {
	return b.onSubspace(z, func(y, logDet *Node) (*Node, *Node) {
		for k := range b.nets {
			kept, moved := b.split(k, y)
			logScale, shift := b.affine(k, kept)
			y = b.join(k, kept, Add(Mul(moved, Exp(logScale)), shift))
			logDet = Add(logDet, ReduceSum(logScale, 1))
		}
		return y, logDet
	})
}

// Inverse implements Bijection.
func (b *coupling) Inverse(x *Node) Image {
	return b.onSubspace(x, func(y, logDet *Node) (*Node, *Node) {
		for k := len(b.nets) - 1; k >= 0; k-- {
			kept, moved := b.split(k, y)
			logScale, shift := b.affine(k, kept)
			y = b.join(k, kept, Mul(Sub(moved, shift), Exp(Neg(logScale))))
			logDet = Sub(logDet, ReduceSum(logScale, 1))
		}
		return y, logDet
	})
}

// onSubspace applies a map of the subspace's coordinates to configurations. The map adds its
// log-determinant to logDet.
func (b *coupling) onSubspace(x *Node, apply func(y, logDet *Node) (*Node, *Node)) Image {
	batch, n, d := x.Shape().Dimensions[0], b.system.N, b.system.D
	zero := BroadcastToDims(ScalarZero(x.Graph(), x.DType()), batch)
	y, logDet := apply(DotProduct(Reshape(x, batch, n*d), b.basis), zero)
	return Image{X: Reshape(DotProduct(y, Transpose(b.basis, 0, 1)), batch, n, d), LogDet: logDet, Penalty: zero}
}
