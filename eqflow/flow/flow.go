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
	// Error is the standard error of LogDet [batch] where that is a mean over several random probes; nil where it is not.
	Error *Node
	// Penalty grows with the error of the map itself [batch]: the solver's for continuous flows, zero for coupling flows.
	Penalty *Node
}

// Partial is a bijection that is built up over flow time, so that it can also be followed part of the way.
type Partial interface {
	Bijection
	// At returns the velocity [batch, n, d] and its divergence [batch] at x [batch, n, d] and times t [batch].
	At(t, x *Node) (v, div *Node)
}

// Probed is a bijection whose log-determinants can be estimated rather than computed.
type Probed interface {
	Partial
	// Along returns the same map with its divergence estimated by the mean of p·(∂v/∂x)p over probes p [batch, probes, n, d],
	// which are fixed along each path (Grathwohl et al., arXiv:1810.01367). The K probes of a configuration are to be √F times
	// orthonormal, in random directions of the F = (n−1)·d dimensions of the mean-free subspace: draws without replacement from a
	// frame over which the mean is exact, so that the variance of the estimate is (1/K − 1/F) times that of one product.
	// Gradients end at the estimate where the flow is solved in a loop.
	Along(probes *Node) Partial
}
