// Package dynamics holds the vector fields of continuous flows: the velocity of every particle, and the divergence with it.
package dynamics

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Config describes a vector field for n particles in d dimensions. It is plain data; Bind makes the maths.
type Config interface {
	Validate() error
	// Bind creates the field's variables in scope, or reads them where they exist, for a graph of the given type.
	// Parameters start from the seed, the same on every backend.
	Bind(scope *model.Scope, g *Graph, system System) Field
}

// System is what a field needs to know: particles, dimensions, which relabellings are to be kept, the seed of its first
// parameters and their type.
type System struct {
	N, D        int
	Relabelling particle.Relabelling
	Seed        uint64
	DType       dtypes.DType // Float32 where it is not set; Float64 for checks
}

// FloatType is DType with its default filled in.
func (s System) FloatType() dtypes.DType {
	if s.DType == dtypes.Float64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}

// variable creates a parameter from draw, or reads the one that exists, as a node of g.
func (s System) variable(scope *model.Scope, g *Graph, name string, draw func() float64, dims ...int) *Node {
	size := 1
	for _, d := range dims {
		size *= d
	}
	if s.DType == dtypes.Float64 {
		return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(fill[float64](draw, size), dims...)).NodeValue(g)
	}
	return scope.VariableWithValue(name, tensors.FromFlatDataAndDimensions(fill[float32](draw, size), dims...)).NodeValue(g)
}

func fill[T float32 | float64](draw func() float64, size int) []T {
	flat := make([]T, size)
	for i := range flat {
		flat[i] = T(draw())
	}
	return flat
}

// Field is a bound vector field.
type Field interface {
	// At returns the velocity v [batch, n, d] and its divergence +div v [batch] at configurations x [batch, n, d] and flow
	// times t [batch].
	At(t, x *Node) (v, div *Node)
}

// Tabulated is a field that folds its parameters, for times known beforehand, into tables, and whose derivative at given
// table rows is written by hand. Flows solve it in loops rather than unrolled.
type Tabulated interface {
	Field
	// Tables returns the field's tables at the given times, each [len(times), ...].
	Tables(times []float64) []*Node
	// Linear is the field for one time's rows, on states y [n, d, batch].
	Linear() ode.PullbackRate
}

// Looped is a field that can be evaluated inside a loop, whose closure takes no node from outside: the parameters are handed
// in. Flows solve it in a loop where no gradient is asked for.
type Looped interface {
	Field
	// Parameters returns the nodes that the field computes with.
	Parameters() []*Node
	// With returns the field with the same parameters as nodes of another graph.
	With(parameters []*Node) Field
}

// Probed is a field that multiplies its Jacobian by given vectors, for an estimate of the divergence where the exact one costs
// too much: over random p with ⟨p pᵀ⟩ = 1 on the mean-free subspace, p·(∂v/∂x)p is div v on average (Hutchinson, Commun. Stat.
// Simul. 19 (1990) 433).
type Probed interface {
	Field
	// Along returns the velocity v [batch, n, d] and p·(∂v/∂x)p [probes, batch], for mean-free p [probes, n, d, batch].
	Along(t, x, probes *Node) (v, products *Node)
}

// Wide is a Config whose fields hold large arrays, by which batches are split.
type Wide interface {
	Config
	// Widest is how many numbers a configuration of n particles in d dimensions takes in the largest array, with the
	// divergence from the given number of probes; 0 stands for the exact one.
	Widest(n, d, probes int) int
}

// ExactDivergence returns Σ_k e_k·(∂v/∂x)e_k for a field's velocity by reverse-mode differentiation, one pass for each of
// the n·d coordinates [batch]. It is the yardstick that closed forms are tested against.
func ExactDivergence(velocity func(x *Node) *Node, x *Node) *Node {
	v := velocity(x)
	batch, n, d := x.Shape().Dimensions[0], x.Shape().Dimensions[1], x.Shape().Dimensions[2]
	total := BroadcastToDims(ScalarZero(x.Graph(), v.DType()), batch)
	for i := range n {
		for k := range d {
			component := Slice(v, AxisRange(), AxisElem(i), AxisElem(k))
			gradient := Gradient(ReduceAllSum(component), x)[0]
			total = Add(total, Reshape(Slice(gradient, AxisRange(), AxisElem(i), AxisElem(k)), batch))
		}
	}
	return total
}
