package engine

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// regressionLoss regresses the field at X on Z.
type regressionLoss struct{}

func (regressionLoss) String() string { return "regression" }

func (regressionLoss) Graph(f flow.Bijection, in Nodes) *Node {
	v, _ := f.(flow.Partial).At(in.T, in.X)
	return ReduceAllMean(ReduceSum(Square(Sub(v, in.Z)), 1, 2))
}

func (regressionLoss) AtField(in Inputs) FieldTerm { return FieldTerm{X: in.X, T: in.T, Want: in.Z} }

// squareLoss is ⟨|z|²/2 − log|det|⟩ over the images z of X, plus a tenth of the same mean over the
// images of Z.
type squareLoss struct{}

func (squareLoss) String() string { return "squares" }

func (squareLoss) Graph(f flow.Bijection, in Nodes) *Node {
	of := func(i flow.Image) *Node {
		return ReduceAllMean(Sub(MulScalar(ReduceSum(Square(i.X), 1, 2), 0.5), i.LogDet))
	}
	return Add(of(f.Inverse(in.X)), MulScalar(of(f.Forward(in.Z)), 0.1))
}

func (squareLoss) AtImages(in Inputs) []MapTerm {
	of := func(i Image) (value float64, g Image) {
		size := i.X.Len()
		g = Image{
			X: particle.NewBatch(size, i.X.N, i.X.D), LogDet: make([]float64, size), Penalty: make([]float64, size),
		}
		for b := range size {
			for c, v := range i.X.At(b) {
				value += v * v / 2 / float64(size)
				g.X.At(b)[c] = v / float64(size)
			}
			value -= i.LogDet[b] / float64(size)
			g.LogDet[b] = -1 / float64(size)
		}
		return value, g
	}
	return []MapTerm{{Share: 1, From: 1, X: in.X, Loss: of}, {Share: 0.1, From: 0, X: in.Z, Loss: of}}
}
