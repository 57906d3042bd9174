package scratch

import "golang.org/x/sys/unix"

// noExecute reports whether programs in a folder cannot be run, since its file system is mounted
// noexec.
func noExecute(folder string) bool {
	var state unix.Statfs_t
	return unix.Statfs(folder, &state) == nil && state.Flags&unix.ST_NOEXEC != 0
}
