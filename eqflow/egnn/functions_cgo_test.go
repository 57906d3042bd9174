//go:build cgo && amd64

package egnn

// switchVectors makes calls use vectors of eight numbers instead of sixteen, or sixteen again. It
// returns false where the processor has no vectors of sixteen.
func switchVectors() bool {
	wide := widestFunctions()
	if wide == narrowFunctions {
		return false
	}
	if functions == wide {
		functions = narrowFunctions
	} else {
		functions = wide
	}
	return true
}
