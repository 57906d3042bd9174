//go:build cgo && amd64

package egnn

import "golang.org/x/sys/cpu"

// narrow changes between vectors of sixteen numbers and of eight. It returns false where there are no wide ones.
func narrow() bool {
	if !cpu.X86.HasAVX512F {
		return false
	}
	wide = !wide
	return true
}
