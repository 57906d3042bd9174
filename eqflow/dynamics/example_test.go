package dynamics_test

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/xla"
)

// softPull is a field of one's own: v_i = Σ_{j≠i} (x_i − x_j) φ(d_ij, t) with φ(d, t) = (a + b t)
// exp(−d²/2). The numbers a and b are trainable. Such a sum over pairs keeps all symmetries, and
// its divergence is Σ_{i≠j} φ (D − d²).
//
// softPull itself is plain data. It has no settings, so Validate accepts it.
type softPull struct{}

func (softPull) Validate() error { return nil }

func (softPull) Bind(scope *model.Scope, g *Graph, system dynamics.System) dynamics.Field {
	start := func() float64 { return 0.1 }
	return &boundSoftPull{
		n: system.N, d: system.D,
		a: system.Variable(scope, g, "a", start, 1),
		b: system.Variable(scope, g, "b", start, 1),
	}
}

// boundSoftPull is softPull in one graph.
type boundSoftPull struct {
	n, d int
	a, b *Node // [1]
}

// At implements dynamics.Field.
func (f *boundSoftPull) At(t, x *Node) (v, div *Node) {
	g, dtype := x.Graph(), x.DType()
	r := particle.Displacements(x) // x_i − x_j [batch, n, n, d]
	square := ReduceSum(Mul(r, r), -1)
	amplitude := Add(f.a, Mul(f.b, t)) // [batch]
	phi := Mul(ExpandAxes(amplitude, 1, 2), Exp(MulScalar(square, -0.5)))
	v = ReduceSum(Mul(r, ExpandAxes(phi, -1)), 2)

	others := OneMinus(DiagonalWithValue(Scalar(g, dtype, 1), f.n)) // leaves out i = j
	perPair := Mul(phi, AddScalar(Neg(square), float64(f.d)))
	return v, ReduceSum(Mul(perPair, ExpandAxes(others, 0)), 1, 2)
}

// A whole field of one's own: softPull has Validate and Bind, boundSoftPull has At.
func Example() {
	backend, err := xla.Open(xla.Go)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	evaluate := func(scope *model.Scope, t, x *Node) []*Node {
		field := softPull{}.Bind(scope.At("field"), x.Graph(), dynamics.System{N: 2, D: 2})
		v, div := field.At(t, x)
		velocity := func(x *Node) *Node { v, _ := field.At(t, x); return v }
		return []*Node{v, div, dynamics.ExactDivergence(velocity, x)}
	}
	exec, err := model.NewExec(backend.Backend, model.NewStore(), evaluate)
	if err != nil {
		fmt.Println(err)
		return
	}
	time, pair := []float32{0.5}, [][][]float32{{{0.5, 0}, {-0.5, 0}}}
	out, err := exec.Call(time, pair)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("velocity %.4f\n", out[0].Value())
	fmt.Printf("divergence %.4f, by differentiation %.4f\n", out[1].Value(), out[2].Value())
	// Output:
	// velocity [[[0.0910 0.0000] [-0.0910 0.0000]]]
	// divergence [0.1820], by differentiation [0.1820]
}
