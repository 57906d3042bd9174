package ode_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

const loopSteps, loopWidth, loopBatch = 3, 2, 6

// square is dy/dt = w y² with the integrand Σ w y³, for states [width, batch] and rows w [width].
// It is nonlinear in the state, so that a wrong stage changes the derivative.
func square(rows []*Node, y *Node) (k, l *Node, pullback func(gk, gl *Node) (*Node, []*Node)) {
	w := BroadcastToShape(ExpandAxes(rows[0], 1), y.Shape())
	y2 := Mul(y, y)
	k, l = Mul(w, y2), columnSums(Mul(w, Mul(y2, y)))
	return k, l, func(gk, gl *Node) (*Node, []*Node) {
		gl = BroadcastToShape(ExpandAxes(gl, 0), y.Shape())
		two, three := ConstAsDType(y.Graph(), y.DType(), 2), ConstAsDType(y.Graph(), y.DType(), 3)
		gy := Mul(w, Add(Mul(two, Mul(gk, y)), Mul(three, Mul(gl, y2))))
		gw := Add(Mul(gk, y2), Mul(gl, Mul(y2, y)))
		ones := BroadcastToDims(ConstAsDType(y.Graph(), y.DType(), 1), loopBatch, 1)
		ones = SliceAxis(ones, 0, AxisRange(0, y.Shape().Dimensions[1]))
		return gy, []*Node{Reshape(DotProduct(gw, ones), loopWidth)}
	}
}

func columnSums(a *Node) *Node {
	ones := BroadcastToDims(ConstAsDType(a.Graph(), a.DType(), 1), 1, loopWidth)
	return Reshape(DotProduct(ones, a), a.Shape().Dimensions[1])
}

// solveWithGradients solves by a loop or, for nil, unrolled. It returns the three results, and the
// derivatives of a weighted sum of them with respect to the start and every table.
func solveWithGradients(t *testing.T, method ode.Tableau, loop *ode.Loop) [][]float64 {
	t.Helper()
	rng := rand.New(rand.NewPCG(8, 8))
	draw := func(dims ...int) *tensors.Tensor {
		size := 1
		for _, d := range dims {
			size *= d
		}
		v := make([]float64, size)
		for i := range v {
			v[i] = rng.NormFloat64() / 2
		}
		return tensors.FromFlatDataAndDimensions(v, dims...)
	}
	inputs := []any{draw(loopWidth, loopBatch), draw(loopWidth, loopBatch)}
	for range method.Stages() {
		inputs = append(inputs, draw(loopSteps, loopWidth))
	}
	exec := MustNewExec(xlatest.Open(t).Backend, func(in []*Node) []*Node {
		sol := solve(method, loop, in[0], in[2:])
		squares := ReduceAllSum(Mul(sol.Integral, sol.Integral))
		loss := Add(ReduceAllSum(Mul(sol.Y, in[1])), Add(squares, ReduceAllSum(sol.Penalty)))
		by := append([]*Node{in[0]}, in[2:]...)
		return append([]*Node{sol.Y, sol.Integral, sol.Penalty}, Gradient(loss, by...)...)
	})
	defer exec.Finalize()
	results, err := exec.Call(inputs...)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float64
	for _, r := range results {
		out = append(out, tensors.MustCopyFlatData[float64](r))
	}
	return out
}

func solve(method ode.Tableau, loop *ode.Loop, y *Node, tables []*Node) ode.Solution {
	if loop != nil {
		perStage := make([][]*Node, len(tables))
		for j, table := range tables {
			perStage[j] = []*Node{table}
		}
		return loop.Solve(perStage, y)
	}
	return ode.Fixed(method, func(step, stage int, y *Node) (*Node, *Node) {
		row := Reshape(SliceAxis(tables[stage], 0, AxisElem(step)), loopWidth)
		k, l, _ := square([]*Node{row}, y)
		return k, l
	}, y, 1, 0.2, loopSteps)
}

// Results and derivatives of loops and of the unrolled solve agree, for any number of chunks.
func TestLoopIsTheUnrolledSolve(t *testing.T) {
	for _, c := range []struct {
		method ode.Tableau
		chunks int
	}{{ode.Midpoint, 0}, {ode.RK4, 3}, {ode.Dopri5, 2}} {
		t.Run(fmt.Sprintf("%s in %d chunks", c.method.Name, c.chunks), func(t *testing.T) {
			want := solveWithGradients(t, c.method, nil)
			got := solveWithGradients(t, c.method, &ode.Loop{
				Method: c.method, Steps: loopSteps, T0: 1, T1: 0.2, Rate: square, Chunks: c.chunks,
			})
			for k := range want {
				for i := range want[k] {
					if e := math.Abs(got[k][i] - want[k][i]); !(e < 1e-11) {
						t.Fatalf("output %d at %d is %g, want %g", k, i, got[k][i], want[k][i])
					}
				}
			}
			if sum := want[2][0]; c.method.HasTwins() != (sum > 0) {
				t.Errorf("penalty %g, though the method has twins: %t", sum, c.method.HasTwins())
			}
		})
	}
}
