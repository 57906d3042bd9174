package flow_test

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The configuration is plain data. Bind makes it a pair of maps in a graph, here out and back
// again.
func ExampleContinuous() {
	backend, err := xla.Open(xla.Go)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	config := flow.Continuous{Field: dynamics.RadialBasis{Centres: 8, TimeCentres: 3}, Steps: 10}
	roundTrip := func(scope *model.Scope, z *Node) []*Node {
		bound := config.Bind(scope.At("flow"), z.Graph(), flow.System{N: 3, D: 2, Seed: 1})
		x := bound.Forward(z)
		back := bound.Inverse(x.X)
		return []*Node{ReduceAllMax(Abs(Sub(back.X, z))), ReduceAllMax(Abs(Add(x.LogDet, back.LogDet))), x.X}
	}
	store := model.NewStore()
	exec, err := model.NewExec(backend.Backend, store, roundTrip)
	if err != nil {
		fmt.Println(err)
		return
	}
	z := [][][]float32{{{1, 0}, {0, 1}, {-1, -1}}} // one configuration of three particles in the plane
	out, err := exec.Call(z)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("configurations:", out[2].Shape())
	fmt.Println("trainable arrays:", store.NumVariables())
	fmt.Println("the inverse undoes the map:", out[0].Value().(float32) < 1e-5)
	fmt.Println("the log-determinants cancel:", out[1].Value().(float32) < 1e-5)
	// Output:
	// configurations: (Float32)[1, 3, 2]
	// trainable arrays: 5
	// the inverse undoes the map: true
	// the log-determinants cancel: true
}
