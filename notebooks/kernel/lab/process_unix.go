//go:build unix

package lab

import (
	"os/exec"
	"syscall"
	"time"
)

// ownGroup puts a program into a process group of its own. Ctrl-C then reaches only this process,
// which ends the program in order.
func ownGroup(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// stop asks the program to end its kernels and itself. After the program's end, or after 10 s, it
// kills the rest of the group.
func stop(command *exec.Cmd, done chan error) {
	_ = syscall.Kill(command.Process.Pid, syscall.SIGTERM)
	select {
	case err := <-done:
		done <- err
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
}
