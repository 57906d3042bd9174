package engine_test

import (
	"errors"
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/xla"
)

// The engine is chosen once. Whatever the choice, it maps configurations and returns the
// log-determinant of the map; here one configuration of two particles in the plane.
func ExampleNew() {
	backend, err := xla.Open(xla.Go)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	f := engine.Flow{
		Config: flow.Continuous{Field: dynamics.RadialBasis{}}, System: flow.System{N: 2, D: 2, Seed: 1},
		Backend: backend.Backend, Parameters: engine.NewParameters(),
	}
	e, err := engine.New(engine.Host, f)
	if err != nil {
		fmt.Println(err)
		return
	}
	z := particle.Batch{X: []float64{1, 0, -1, 0}, N: 2, D: 2}
	image, err := e.Map(z, engine.ToTarget(0, engine.Divergence{}), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("computed by", e)
	fmt.Println(image.X.Len(), "configuration,", len(image.LogDet), "log-determinant")
	// Output:
	// computed by tables in Go
	// 1 configuration, 1 log-determinant
}

// A flow that no engine on the host computes gives an error that wraps ErrChoice and names
// the alternatives.
func ExampleNew_refusal() {
	backend, err := xla.Open(xla.Go)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer backend.Close()
	_, err = engine.New(engine.Host, engine.Flow{
		Config: flow.Coupling{}, System: flow.System{N: 2, D: 2, Seed: 1},
		Backend: backend.Backend, Parameters: engine.NewParameters(),
	})
	fmt.Println(errors.Is(err, engine.ErrChoice))
	// Output:
	// true
}
