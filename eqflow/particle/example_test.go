package particle_test

import (
	"fmt"

	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// Removing the mean changes no distance, and the centre of mass becomes the origin.
func ExampleBatch_RemoveMean() {
	b := particle.Batch{X: []float64{1, 1, 4, 5}, N: 2, D: 2}
	fmt.Println(b.At(0), particle.Distances(b.At(0), b.D))
	b.RemoveMean()
	fmt.Println(b.At(0), particle.Distances(b.At(0), b.D))
	// Output:
	// [1 1 4 5] [5]
	// [-1.5 -2 1.5 2] [5]
}

// The copy y is x with the particles relabelled, rotated by 0.5 radians and moved. AlignRelabelled
// finds the permutation and the rotation that superpose y on x.
func ExampleAlignRelabelled() {
	x := []float64{0, 0, 3, 0, 0, 1}
	y := particle.Relabel(x, 2, []int{2, 0, 1})
	particle.Rotate(y, particle.Rotation2(0.5), 2)
	particle.Translate(y, []float64{7, -2})

	a := particle.AlignRelabelled(x, y, 2, particle.Relabelling{}, false)
	fmt.Printf("squared distance %.6f, permutation %v\n", a.SquaredDistance, a.Perm)

	particle.RemoveMean(x, 2)
	particle.RemoveMean(y, 2)
	back := particle.Relabel(y, 2, a.Perm)
	particle.Rotate(back, a.Rotation, 2)
	for i := 0; i < len(x); i += 2 {
		fmt.Printf("(%.3f, %.3f) (%.3f, %.3f)\n", x[i], x[i+1], back[i], back[i+1])
	}
	// Output:
	// squared distance 0.000000, permutation [1 2 0]
	// (-1.000, -0.333) (-1.000, -0.333)
	// (2.000, -0.333) (2.000, -0.333)
	// (-1.000, 0.667) (-1.000, 0.667)
}

// Particles of two types: only the first two and the last two may be exchanged.
func ExampleRelabelling() {
	r := particle.Relabelling{Types: []int{0, 0, 1, 1}}
	fmt.Println(r.Allows([]int{1, 0, 3, 2}), r.Allows([]int{2, 1, 0, 3}))
	particles, pairs := r.Roles(4)
	fmt.Println("particles", particles, "pairs", pairs)
	// Output:
	// true false
	// particles [0 0 1 1] pairs [0 1 1 1 1 2]
}
