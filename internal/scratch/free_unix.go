//go:build linux || darwin

package scratch

import "golang.org/x/sys/unix"

// Free returns the bytes that this user can still write where a folder lies. ok is false where that
// is unknown.
func Free(folder string) (bytes uint64, ok bool) {
	var state unix.Statfs_t
	if unix.Statfs(folder, &state) != nil {
		return 0, false
	}
	return state.Bavail * uint64(state.Bsize), true
}
