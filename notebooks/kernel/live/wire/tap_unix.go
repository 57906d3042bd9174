//go:build unix

package wire

import (
	"errors"
	"io"
	"syscall"
)

// Run hands on pieces until the pipe ends or is closed.
func (t *Tap) Run() {
	conn, err := t.file.SyscallConn()
	for err == nil {
		var end error
		err = conn.Read(func(fd uintptr) bool {
			var empty bool
			empty, end = t.empty(fd)
			return !empty
		})
		err = errors.Join(err, end)
	}
}

// Drain hands on what is in the pipe.
func (t *Tap) Drain() {
	if conn, err := t.file.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _, _ = t.empty(fd) })
	}
}

// empty hands on what the pipe holds at the time. empty reports whether nothing is left. What is
// written faster than it is handed on does not keep others waiting.
func (t *Tap) empty(fd uintptr) (empty bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for read := 0; read < capacity; {
		n, err := syscall.Read(int(fd), t.buffer)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true, nil
		case err != nil:
			return false, err
		case n == 0:
			return false, io.EOF
		default:
			t.take(t.buffer[:n])
			read += n
		}
	}
	return false, nil
}
