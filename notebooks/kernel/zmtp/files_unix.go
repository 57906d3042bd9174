//go:build unix

package zmtp

import "syscall"

// openFiles returns the limit of open files.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return uint64(limit.Cur)
}

// ownerOnly makes the file of a unix socket accessible to its owner alone, before the file exists.
// Linux gives the file the mode of the open socket.
func ownerOnly(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
}
