package dataset_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
)

// twoConfigurations writes two configurations of two particles in the plane, with their energies,
// and returns the path of the file.
func twoConfigurations(folder string) string {
	path := filepath.Join(folder, "samples.npz")
	set := dataset.Set{
		Batch:    particle.Batch{X: []float64{0, 0, 1, 0, 0, 0, 0, 2}, N: 2, D: 2},
		Manifest: dataset.Manifest{System: "dumbbell", Seed: 1},
		Arrays:   dataset.Arrays{dataset.Float64("u", []float64{0.5, 2})},
	}
	if err := dataset.Write(path, set, false); err != nil {
		log.Fatal(err)
	}
	return path
}

func folder() string {
	folder, err := os.MkdirTemp("", "dataset")
	if err != nil {
		log.Fatal(err)
	}
	return folder
}

// Read takes the numbers of particles and dimensions from the file if they are 0.
func ExampleRead() {
	dir := folder()
	defer os.RemoveAll(dir)
	set, err := dataset.Read(twoConfigurations(dir), 0, 0)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(set.Batch.Len(), "configurations of", set.Batch.N, "particles in", set.Batch.D, "dimensions")
	fmt.Println("the second:", set.Batch.At(1))
	u, _ := set.Arrays.Get("u")
	fmt.Println("of the system", set.Manifest.System, "with energies", u.F64)
	// Output:
	// 2 configurations of 2 particles in 2 dimensions
	// the second: [0 0 0 2]
	// of the system dumbbell with energies [0.5 2]
}

// Write replaces no file unless overwrite is set. The extension selects the format.
func ExampleWrite() {
	dir := folder()
	defer os.RemoveAll(dir)
	set := dataset.Set{Batch: particle.Batch{X: []float64{0, 0, 1.5, 0}, N: 2, D: 2}}
	path := filepath.Join(dir, "pair.xyz")
	fmt.Println(dataset.Write(path, set, false))
	fmt.Println(errors.Is(dataset.Write(path, set, false), dataset.ErrInput))

	again, err := dataset.Read(path, 2, 2)
	fmt.Println(again.Batch.X, err)
	// Output:
	// <nil>
	// true
	// [0 0 1.5 0] <nil>
}
