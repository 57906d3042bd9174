//go:build unix

package host

import "syscall"

// endGroup ends this process and what cells have started. The host leads a process group.
func endGroup() {
	if syscall.Getpgrp() == syscall.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}

// keepFromChildren closes the pipes to the kernel in what cells start. A child that outlives the
// host would otherwise hold them open.
func keepFromChildren(files ...int) {
	for _, file := range files {
		syscall.CloseOnExec(file)
	}
}
