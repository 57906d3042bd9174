package host

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// emptyInput lets the standard input end at once.
func emptyInput() {
	if null, err := os.Open(os.DevNull); err == nil {
		_ = syscall.Dup3(int(null.Fd()), syscall.Stdin, 0)
		_ = null.Close()
	}
}

// pipedInput makes the standard input a pipe, and returns its other end.
func pipedInput() (feed *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return w, syscall.Dup3(int(r.Fd()), syscall.Stdin, 0)
}

// unreadInput returns the number of bytes that wait in the standard input.
func unreadInput() int {
	n, err := unix.IoctlGetInt(syscall.Stdin, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}
