//go:build !unix

package lab

import "os/exec"

func apart(*exec.Cmd) {}

func stop(command *exec.Cmd, done chan error) { _ = command.Process.Kill() }
