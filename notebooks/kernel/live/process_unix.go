//go:build unix

package live

import (
	"os"
	"syscall"
)

// fifo makes a named pipe and opens it both ways, so that opening waits for nobody.
func fifo(path string) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// interruptGroup interrupts a process and what it has started.
func interruptGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGINT) }
