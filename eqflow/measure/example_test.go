package measure_test

import (
	"context"
	"fmt"
	"log"

	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// dumbbells returns pairs of particles on a line with the given distances and zero energies.
func dumbbells(distances ...float64) measure.Sample {
	x := particle.NewBatch(len(distances), 2, 1)
	for i, d := range distances {
		x.At(i)[1] = d
	}
	return measure.Sample{X: x, Energy: make([]float64, len(distances))}
}

// The bond length of a dumbbell is 1 or 2. The sample visits the short state with the population ¼,
// the reference with ½, so that the sample overestimates its free energy by ln 2 = 0.69 kT.
func ExampleVariable() {
	bond := measure.Variable{Name: "bond", Expression: "d(0,1)", Edges: []float64{0.5, 1.5, 2.5}}
	profile, err := bond.FreeEnergy(dumbbells(1, 2, 2, 2), dumbbells(1, 2, 1, 2), stats.Bootstrap{})
	if err != nil {
		log.Fatal(err)
	}
	for k, middle := range profile.Middles {
		fmt.Printf("%s %.0f: %.2f kT, reference %.2f kT\n",
			profile.Variable, middle, profile.Free[k].Value, profile.Reference[k].Value)
	}
	// Output:
	// bond 1: 1.39 kT, reference 0.69 kT
	// bond 2: 0.29 kT, reference 0.69 kT
}

// A right-angled chain of three particles in the plane.
func ExampleParseVariable() {
	chain := []float64{1, 0, 0, 0, 0, 2}
	for _, text := range []string{"bend = angle(0,1,2)", "count(distances, # > 1.5)", "d(0,4)"} {
		v, err := measure.ParseVariable(text, 3, 2)
		if err != nil {
			fmt.Printf("%s: refused, since there is no particle 4\n", text)
			continue
		}
		fmt.Printf("%s: %g\n", v.Name, v.Value(chain, 0))
	}
	// Output:
	// bend: 90
	// count(distances, # > 1.5): 2
	// d(0,4): refused, since there is no particle 4
}

// Every dumbbell of the sample is longer than its counterpart in the reference by 1. Its ends move
// by ½ each, so that W2 = √(¼ + ¼) = 0.71.
func ExampleComparison_Compare() {
	d, err := measure.Comparison{}.Compare(context.Background(), dumbbells(2, 3), dumbbells(2, 1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("W2 %.2f, W2 of pair distances %.2f\n", d.W2, d.DistanceW2)
	// Output: W2 0.71, W2 of pair distances 1.00
}
