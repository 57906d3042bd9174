package ode_test

import (
	"math"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/eqflow/gonb-eqflow/eqflow/ode"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// creep is a rate so small that each of 64 steps, h·k = 2e-8, is less than half of float32's
// spacing at 1. Without compensation, the state and the integral never change from 1.
const creep, creepSteps = 64 * 2e-8, 64

func creeping(_ []*Node, y *Node) (k, l *Node, pullback func(gk, gl *Node) (*Node, []*Node)) {
	k = BroadcastToShape(ConstAsDType(y.Graph(), y.DType(), creep), y.Shape())
	return k, Reshape(k, y.Shape().Dimensions[1]), nil
}

// Steps smaller than the rounding of the sum are not lost, in both solves.
func TestSmallStepsAddUp(t *testing.T) {
	solves := map[string]func(y *Node) ode.Solution{
		"unrolled": func(y *Node) ode.Solution {
			rate := func(_, _ int, y *Node) (*Node, *Node) { k, l, _ := creeping(nil, y); return k, l }
			return ode.Fixed(ode.RK4, rate, y, 0, 1, creepSteps)
		},
		"loop": func(y *Node) ode.Solution {
			unused := make([][]*Node, ode.RK4.Stages())
			for j := range unused {
				unused[j] = []*Node{BroadcastToDims(ScalarZero(y.Graph(), y.DType()), creepSteps, 1)}
			}
			return ode.Loop{Method: ode.RK4, Steps: creepSteps, T1: 1, Rate: creeping, ValueOnly: true}.Solve(unused, y)
		},
	}
	for name, solve := range solves {
		t.Run(name, func(t *testing.T) {
			open := xlatest.OpenGo
			if name == "loop" {
				open = xlatest.Open
			}
			exec := MustNewExec(open(t).Backend, func(y *Node) *Node { return solve(y).Y })
			defer exec.Finalize()
			end := exec.MustCall(tensors.FromFlatDataAndDimensions([]float32{1}, 1, 1))[0]
			got := float64(tensors.MustCopyFlatData[float32](end)[0])
			if want := 1 + creep; math.Abs(got-want) > 1.2e-7 {
				t.Errorf("1 grew to %.9f, want %.9f", got, want)
			}
		})
	}
}
