package flow

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Coupling is a RealNVP flow: affine coupling layers on the (n−1)·d coordinates of the mean-free subspace, each scaling and
// shifting one half of them by networks of the other half. It keeps none of the target's symmetries but translation's.
// Source: Dinh, Sohl-Dickstein and Bengio, arXiv:1605.08803.
type Coupling struct {
	Blocks int // coupling layers; default 8
	Hidden int // width of the networks' hidden layers; default 100
	Layers int // hidden layers of a network; default 2
}

// WithDefaults fills the zero fields in.
func (c Coupling) WithDefaults() Coupling {
	for _, f := range []struct {
		value     *int
		otherwise int
	}{{&c.Blocks, 8}, {&c.Hidden, 100}, {&c.Layers, 2}} {
		if *f.value == 0 {
			*f.value = f.otherwise
		}
	}
	return c
}

// Validate returns an error if a size is out of range.
func (c Coupling) Validate() error {
	c = c.WithDefaults()
	if c.Blocks < 1 || c.Hidden < 1 || c.Layers < 1 {
		return fmt.Errorf("flow: coupling flow has %d blocks with %d layers of %d; give at least one of each", c.Blocks, c.Layers, c.Hidden)
	}
	return nil
}

// maxLogScale bounds one layer's log-scale, so that no step of training overflows.
const maxLogScale = 2

type coupling struct {
	system System
	basis  *Node
	nets   []dynamics.Perceptron
	free   int
}

// Bind implements Config.
func (c Coupling) Bind(scope *model.Scope, g *Graph, system System) Bijection {
	c = c.WithDefaults()
	basis := particle.MeanFreeBasis(system.N, system.D)
	if len(basis[0]) < 2 {
		panic(fmt.Errorf("flow: a coupling flow needs 2 coordinates to split; %d particles in %d dimensions have %d: use flow.Continuous", system.N, system.D, len(basis[0])))
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
		b.nets = append(b.nets, dynamics.BindPerceptron(scope.In("layer_%d", k), g, layer, append(widths, 2*moved), 0.05))
	}
	return b
}

// sizes returns how many coordinates layer k keeps and moves: the halves take turns.
func (b *coupling) sizes(k int) (kept, moved int) {
	half := b.free / 2
	if k%2 == 0 {
		return half, b.free - half
	}
	return b.free - half, half
}

// halves splits y [batch, free] into the kept and the moved part of layer k.
func (b *coupling) halves(k int, y *Node) (kept, moved *Node) {
	half := b.free / 2
	first, second := SliceAxis(y, 1, AxisRange(0, half)), SliceAxis(y, 1, AxisRange(half))
	if k%2 == 0 {
		return first, second
	}
	return second, first
}

func (b *coupling) join(k int, kept, moved *Node) *Node {
	if k%2 == 0 {
		return Concatenate([]*Node{kept, moved}, 1)
	}
	return Concatenate([]*Node{moved, kept}, 1)
}

// affine returns log-scale and shift of layer k given the kept half.
func (b *coupling) affine(k int, kept *Node) (logScale, shift *Node) {
	_, moved := b.sizes(k)
	out := b.nets[k].Apply(kept)
	logScale = MulScalar(Tanh(SliceAxis(out, 1, AxisRange(0, moved))), maxLogScale)
	return logScale, SliceAxis(out, 1, AxisRange(moved))
}

// Forward implements Bijection.
func (b *coupling) Forward(z *Node) Image {
	return b.through(z, func(y, logDet *Node) (*Node, *Node) {
		for k := range b.nets {
			kept, moved := b.halves(k, y)
			logScale, shift := b.affine(k, kept)
			y = b.join(k, kept, Add(Mul(moved, Exp(logScale)), shift))
			logDet = Add(logDet, ReduceSum(logScale, 1))
		}
		return y, logDet
	})
}

// Inverse implements Bijection.
func (b *coupling) Inverse(x *Node) Image {
	return b.through(x, func(y, logDet *Node) (*Node, *Node) {
		for k := len(b.nets) - 1; k >= 0; k-- {
			kept, moved := b.halves(k, y)
			logScale, shift := b.affine(k, kept)
			y = b.join(k, kept, Mul(Sub(moved, shift), Exp(Neg(logScale))))
			logDet = Sub(logDet, ReduceSum(logScale, 1))
		}
		return y, logDet
	})
}

// through applies a map of the subspace's coordinates to configurations.
func (b *coupling) through(x *Node, apply func(y, logDet *Node) (*Node, *Node)) Image {
	batch, n, d := x.Shape().Dimensions[0], b.system.N, b.system.D
	zero := BroadcastToDims(ScalarZero(x.Graph(), x.DType()), batch)
	y, logDet := apply(DotProduct(Reshape(x, batch, n*d), b.basis), zero)
	return Image{X: Reshape(DotProduct(y, Transpose(b.basis, 0, 1)), batch, n, d), LogDet: logDet, Penalty: zero}
}
