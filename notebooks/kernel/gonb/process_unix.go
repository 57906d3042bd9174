//go:build unix

package gonb

import (
	"errors"
	"syscall"
)

// alive reports whether a process exists, of whatever user.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
