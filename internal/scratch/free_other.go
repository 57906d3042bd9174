//go:build !linux && !darwin

package scratch

// Free returns false: the free space is unknown on this system.
func Free(string) (bytes uint64, ok bool) { return 0, false }
