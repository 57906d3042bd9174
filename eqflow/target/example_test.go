package target_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
)

// An energy of one's own is a graph function of pair distances. Forces come with it.
func ExampleFromGraph() {
	morse, err := target.FromGraph("morse", 3, 2, func(x *graph.Node) *graph.Node {
		d := particle.PairDistances(x, 1e-12)
		well := graph.OneMinus(graph.Exp(graph.OneMinus(d))) // 1 − exp(−(d − 1))
		return graph.MulScalar(graph.ReduceSum(graph.Square(well), -1), 10)
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	forces := make([]float64, 6)
	u := morse.EnergyForces([]float64{0, 0, 1, 0, 3, 0}, forces)
	fmt.Printf("u = %.3f kT, force on the last particle %.3f\n", u, forces[4])

	_, err = target.FromGraph("pinned", 3, 2, func(x *graph.Node) *graph.Node {
		return graph.ReduceSum(graph.Square(x), -2, -1) // about the origin, not about the centre of mass
	})
	fmt.Println(err != nil)
	// Output:
	// u = 11.472 kT, force on the last particle -6.991
	// true
}

func ExampleParse() {
	for _, name := range []string{"dw4", "LJ13", "chain5", "dw-4"} {
		t, err := target.Parse(name)
		if err != nil {
			fmt.Println("no system", name)
			continue
		}
		fmt.Println(t.Name(), t.Particles(), "particles,", t.Dim(), "dimensions, log Z", t.Reference().LogZ)
	}
	// Output:
	// dw4 4 particles, 2 dimensions, log Z 29.667
	// lj13 13 particles, 3 dimensions, log Z 59.874
	// chain5 5 particles, 3 dimensions, log Z 0.5836
	// no system dw-4
}

func ExampleFromSpec() {
	cold, err := target.FromSpec(target.Spec{
		Kind: target.KindDoubleWell, N: 4, D: 2, Constants: map[string]float64{"kt": 0.5},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	square := []float64{0, 0, 4, 0, 0, 4, 4, 4} // sides at the barrier, where a pair has no energy
	fmt.Printf("%.3f %.3f\n", target.DW4().EnergyForces(square, nil), cold.EnergyForces(square, nil))
	// Output:
	// -8.397 -16.793
}

func ExampleVirials() {
	trap := target.Harmonic{N: 2, D: 1}
	x := particle.Batch{X: []float64{-1, 1, -2, 2}, N: 2, D: 1}
	fmt.Println(target.Energies(trap, x), target.Virials(trap, x))
	// Output:
	// [1 4] [2 8]
}

func ExampleTame() {
	for _, u := range []float64{50, 100, 1e10} {
		tamed, slope := target.Tame(u, 100)
		fmt.Printf("%.1f %.1e\n", tamed, slope)
	}
	// Output:
	// 50.0 1.0e+00
	// 100.0 1.0e+00
	// 123.0 1.0e-10
}
