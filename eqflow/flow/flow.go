// Package flow provides bijections between the prior's space and configurations.
//
// # Which flow when
//
//   - Continuous solves the differential equation of a vector field from package dynamics. It has
//     the field's symmetries, and it is what equivariant generators are made of. Its map and
//     log-determinant have the solver's error, which Image.Penalty measures.
//   - Coupling is a RealNVP, in closed form and without symmetries but translation. It is for
//     comparison.
//   - Internal is for one molecule, in closed form, by bonds, angles and dihedral angles. It is
//     invariant under rotation and under the turns of methyls.
//
// # Which file first
//
// flow.go has the interfaces: a Config is plain data, and its Bind makes a Bijection in a graph.
// coupling.go is the shorter implementation. continuous.go chooses how a field is solved (from
// tables, in a loop, or unrolled), and probed.go estimates log-determinants from probes.
// internal.go is the flow of a molecule; internal_chart.go and internal_decode.go map its
// coordinates from and to Cartesian ones, internal_stiff.go maps the stiff ones, and spline.go has
// the splines. Package flowtest tests any bijection. The test in torus_test.go is a worked example
// of another space, a periodic box.
//
// A flow of one's own is a type with Validate and Bind, and a bound type with Forward and Inverse.
// A field of one's own is less work: see package dynamics.
package flow

import (
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
)

// System is what a flow must know of the physical system: particles, dimensions, relabellings, and
// the parameters' seed and type.
type System = dynamics.System

// Config describes a bijection. It is plain data; Bind makes the maths.
type Config interface {
	// Validate returns an error that names the first setting out of range.
	Validate() error
	// Bind creates the variables in scope, or reads existing ones. It is called once for a graph.
	Bind(scope *model.Scope, g *Graph, system System) Bijection
}

// Bijection is a bound flow on mean-free configurations [batch, n, d].
type Bijection interface {
	// Forward maps z to x.
	Forward(z *Node) Image
	// Inverse maps x to z.
	Inverse(x *Node) Image
}

// Image is a mapped configuration with the log-determinant of the map that was applied.
type Image struct {
	X      *Node // [batch, n, d]
	LogDet *Node // log|det ∂X/∂input| on the mean-free subspace [batch]
	// Error is the standard error of LogDet [batch] where LogDet is a mean over several random
	// probes, nil elsewhere.
	Error *Node
	// Penalty grows with the error of the map itself [batch]. It is the solver's estimate for
	// continuous flows, and zero for coupling flows.
	Penalty *Node
}

// Partial is a bijection that evolves with the flow time, and so can be followed over a part of the
// time.
type Partial interface {
	Bijection
	// At returns the velocity [batch, n, d] and its divergence [batch] at x [batch, n, d] and times
	// t [batch].
	At(t, x *Node) (v, div *Node)
}

// Conditional is a bijection with a part that is held while the other one, given it, follows path
// gradients. Path gradients of all coordinates at once diverge where a few soft ones carry most of
// their norm.
type Conditional interface {
	Bijection
	// PathGiven returns numbers [batch] without a meaning of their own. Their gradient by the
	// parameters is that of u(x) + log q(x), in which only the part of x that is not held moves
	// with the parameters, and the parameters inside log q stay fixed (Roeder et al.,
	// arXiv:1703.09194). x [batch, n, d] are images, and slopes are ∇u at x.
	PathGiven(x, slopes *Node) *Node
	// LogProbHeld returns the log-density [batch] of the part of x [batch, n, d] that is held, less
	// that of a uniform one.
	LogProbHeld(x *Node) *Node
	// Explore is Forward with a uniform held part of the first configurations, of which the
	// log-determinant takes account. It also returns LogProbHeld of the images.
	Explore(z *Node, uniform int) (image Image, held *Node)
}

// Probed is a bijection whose log-determinants can be estimated instead of computed.
type Probed interface {
	Partial
	// Along returns the same map with the divergence estimated by the mean of p·(∂v/∂x)p over
	// probes p [batch, probes, n, d], which stay fixed along each path (Grathwohl et al.,
	// arXiv:1810.01367).
	//
	// The K probes of a configuration must be √F times orthonormal vectors in random directions of
	// the mean-free subspace, which has F = (n−1)·d dimensions. F such probes give the exact
	// divergence. K < F probes give an unbiased estimate with variance (1/K − 1/F) times the
	// variance of a single product.
	//
	// No gradient passes through the estimate where the flow is solved in a loop.
	Along(probes *Node) Partial
}
