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
func ExampleObjectiveNamed() {
	for _, name := range []string{"flow-matching", "annealed"} {
		o, err := train.ObjectiveNamed(name)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s trains without data: %t\n", o, o.DataFree())
	}
	// Output:
	// flow-matching trains without data: false
	// annealed trains without data: true
}

// A wrong setting gives an error that says what to do.
func ExampleSettings_Validate() {
	s := train.Settings{Objective: train.Mixture{Share: 2}}
	fmt.Println(s.Validate())
	// Output:
	// eqflow: energy share 2; give one between 0 and 1
}
