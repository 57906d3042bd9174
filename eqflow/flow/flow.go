// Package flow holds bijections between the prior's space and configurations: continuous flows and coupling flows.
package flow

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// System is what a flow needs to know of the target: particles, dimensions, seed and type of the parameters.
type System = dynamics.System

// Config describes a bijection. It is plain data; Bind makes the maths.
type Config interface {
	Validate() error
	// Bind creates the variables in scope, or reads them where they exist, once for a graph.
	Bind(scope *model.Scope, g *Graph, system System) Bijection
}

// Bijection is a bound flow on mean-free configurations [batch, n, d].
type Bijection interface {
	// Forward maps z to x.
	Forward(z *Node) Image
	// Inverse maps x to z.
	Inverse(x *Node) Image
}

// Image is a mapped configuration with the log-determinant of the map that was just applied.
type Image struct {
	X      *Node // [batch, n, d]
	LogDet *Node // log|det ∂X/∂input| on the mean-free subspace [batch]
	// Penalty grows with the error of the map itself [batch]: the solver's for continuous flows, zero for coupling flows.
	Penalty *Node
}

// Partial is a bijection that is built up over flow time, so that it can also be followed part of the way.
type Partial interface {
	Bijection
	// At returns the velocity [batch, n, d] and its divergence [batch] at x [batch, n, d] and times t [batch].
	At(t, x *Node) (v, div *Node)
}
