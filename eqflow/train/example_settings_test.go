package train_test

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
)

// Each flow has a recipe of its own. Settings that are given stay as they are.
func ExampleSettings_SuitFlow() {
	given := train.Settings{Steps: 3000}
	for _, config := range []flow.Config{
		flow.Continuous{Field: dynamics.RadialBasis{}}, flow.Continuous{Field: dynamics.EGNN{}},
	} {
		s := given.SuitFlow(config).WithDefaults()
		fmt.Printf("%s: by %s, %d steps, learning rate %g\n", flow.NameOf(config), s.Objective, s.Steps, s.LearningRate)
	}
	// Output:
	// kernel: by likelihood, 3000 steps, learning rate 0.005
	// egnn: by flow-matching, 3000 steps, learning rate 0.002
}

// Some objectives need data, and others only the target's energy.
func ExampleObjectives() {
	for _, o := range train.Objectives {
		needs := "data"
		if o.DataFree() {
			needs = "the energy alone"
		}
		fmt.Printf("%s needs %s\n", o, needs)
	}
	// Output:
	// likelihood needs data
	// energy needs the energy alone
	// mixture needs data
	// flow-matching needs data
	// annealed needs the energy alone
	// energy-matching needs the energy alone
}

// A wrong setting gives an error that says what to do.
func ExampleSettings_Validate() {
	s := train.Settings{Objective: train.Mixture{Share: 2}}
	fmt.Println(s.Validate())
	// Output:
	// eqflow: energy share 2; give one between 0 and 1
}
