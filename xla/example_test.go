package xla_test

import (
	"fmt"
	"log"

	"github.com/eqflow/gonb-eqflow/xla"
)

// The backend in Go is part of the program and needs no plugin. "auto" takes CUDA or XLA on the CPU
// where a plugin is installed.
func ExampleOpen() {
	backend, err := xla.Open(xla.Go)
	if err != nil {
		log.Fatal(err)
	}
	defer backend.Close()
	fmt.Println(backend.Kind, backend.IsXLA())
	// Output: go false
}
