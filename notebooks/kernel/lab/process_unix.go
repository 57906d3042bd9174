//go:build unix

package lab

import (
	"os/exec"
	"syscall"
	"time"
)

// apart puts a program into a process group of its own: Ctrl-C is for us, who end it in order.
func apart(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// stop asks the program to end its kernels and itself, and kills what is left of its group after a while.
func stop(command *exec.Cmd, done chan error) {
	_ = syscall.Kill(command.Process.Pid, syscall.SIGTERM)
	select {
	case err := <-done:
		done <- err
	case <-time.After(10 * time.Second):
	}
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
}
