package dynamics

import (
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Config describes a vector field for n particles in d dimensions. It is plain data; Bind makes the
// maths.
type Config interface {
	// Validate returns an error that names the first setting out of range.
	Validate() error
	// Bind creates the field's variables in scope, or reads existing ones, for the graph g. New
	// variables depend on the system's seed alone, and are the same on every backend.
	Bind(scope *model.Scope, g *Graph, system System) Field
}

// System is what a field must know of the physical system.
type System struct {
	N, D        int                  // particles, and dimensions of space
	Relabelling particle.Relabelling // the relabellings that leave the system as it is
	Seed        uint64               // of the parameters' initial values
	DType       dtypes.DType         // type of the parameters: Float32 by default, Float64 for checks
}

// FloatType returns DType with its default filled in.
func (s System) FloatType() dtypes.DType {
	if s.DType == dtypes.Float64 {
		return dtypes.Float64
	}
	return dtypes.Float32
}

// Variable returns the trainable array of this name in scope as a node of g. Where there is none,
// it creates an array of the given dimensions and fills it in row-major order with the values that
// draw returns.
func (s System) Variable(scope *model.Scope, g *Graph, name string, draw func() float64, dims ...int) *Node {
	size := 1
	for _, d := range dims {
		size *= d
	}
	var value *tensors.Tensor
	if s.DType == dtypes.Float64 {
		value = tensors.FromFlatDataAndDimensions(fill[float64](draw, size), dims...)
	} else {
		value = tensors.FromFlatDataAndDimensions(fill[float32](draw, size), dims...)
	}
	return scope.VariableWithValue(name, value).NodeValue(g)
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
	// At returns the velocity v [batch, n, d] and its divergence +div v [batch] at configurations x
	// [batch, n, d] and flow times t [batch].
	At(t, x *Node) (v, div *Node)
}

// Tabulated is a field that folds its parameters into tables for times that are known beforehand,
// and that has a derivative written by hand. Flows solve it in a loop, gradients included.
type Tabulated interface {
	Field
	// Tables returns the field's tables at the given times, each [len(times), ...].
	Tables(times []float64) []*Node
	// Linear returns the field as a function of the tables' rows for one time and of states y
	// [n, d, batch].
	Linear() ode.PullbackRate
}

// Looped is a field that can be evaluated inside a loop. The closure of a loop takes no node from
// outside, so the loop hands the parameters in. Flows solve such a field in a loop where no
// gradient is needed.
type Looped interface {
	Field
	// Parameters returns the nodes that the field computes with.
	Parameters() []*Node
	// With returns the same field computing with parameters that are nodes of another graph.
	With(parameters []*Node) Field
}

// Probed is a field that multiplies its Jacobian by given vectors. The products estimate the
// divergence where the exact one is too expensive: for random p with ⟨p pᵀ⟩ = 1 on the mean-free
// subspace, the mean of p·(∂v/∂x)p is div v (Hutchinson, Commun. Stat. Simul. 19 (1990) 433).
type Probed interface {
	Field
	// Along returns the velocity v [batch, n, d] and p·(∂v/∂x)p [probes, batch], for mean-free p
	// [probes, n, d, batch].
	Along(t, x, probes *Node) (v, products *Node)
}

// Wide is a Config whose fields hold large arrays. Flows choose the size of a batch's parts by
// them.
type Wide interface {
	Config
	// Widest returns how many numbers the largest array holds for one configuration of n particles
	// in d dimensions. The divergence is estimated from the given number of probes; 0 stands for
	// the exact divergence.
	Widest(n, d, probes int) int
}

// ExactDivergence returns Σ_k e_k·(∂v/∂x)e_k [batch] by reverse-mode differentiation of the
// velocity, one pass for each of the n·d coordinates. It is the yardstick for closed forms of the
// divergence.
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
