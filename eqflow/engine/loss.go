package engine

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Loss is a training loss. Every loss can be built in a graph. A loss that also implements
// FieldLoss or MapLoss is computed without a graph by the engines that support it.
type Loss interface {
	fmt.Stringer // names the loss within a sentence
	// Graph builds the scalar loss, in nats, of a bound flow at inputs.
	Graph(f flow.Bijection, in Nodes) *Node
}

// FieldLoss is a loss of the vector field at given configurations and times. It needs no solve of
// the flow.
type FieldLoss interface {
	Loss
	AtField(in Inputs) FieldTerm
}

// FieldTerm is a loss of the field at configurations X [B, n, d] and flow times T [B]. With Want it
// is the mean over the batch of |v − Want|². Without Want it is Value, and its gradient is the
// gradient of Σ Cotangents·v.
type FieldTerm struct {
	X                particle.Batch
	T                []float64
	Want, Cotangents particle.Batch
	Value            float64
}

// MapLoss is a loss of images under the flow.
type MapLoss interface {
	Loss
	AtImages(in Inputs) []MapTerm
}

// MapTerm is a term of a loss: Share times the Loss of the images of X [B, n, d] under the flow
// that starts at the time From, 0 for the prior's end or 1 for the target's. Loss also returns its
// derivative by every number of the image.
type MapTerm struct {
	Share, From float64
	X           particle.Batch
	Loss        func(Image) (value float64, cotangents Image)
}

// Update builds in a graph how the parameters of ScopeFlow move along their gradients, which come
// in the order of Parameters.List. numbers holds further inputs of every step, such as the learning
// rate.
type Update func(scope *model.Scope, gradients, numbers []*Node)

// Step moves the parameters once, and returns the loss before the move.
type Step func(in Inputs, numbers ...float32) (loss float64, err error)
