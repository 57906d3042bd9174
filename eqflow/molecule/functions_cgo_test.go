//go:build cgo && amd64

package molecule

// functionSet is one kind of vectors, for tests.
type functionSet struct{ use, restore func() }

// everyFunctions returns the kinds of vectors that the processor has.
func everyFunctions() []functionSet {
	widest := functions
	sets := []functionSet{{func() {}, func() {}}}
	if widest != narrowFunctions {
		sets = append(sets, functionSet{
			func() { functions = narrowFunctions }, func() { functions = widest },
		})
	}
	return sets
}
