//go:build unix

package main

import (
	"os"
	"os/exec"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// guardPatience is how long the program waits at its end for the last messages.
const guardPatience = 500 * time.Millisecond

// guardCrashes turns a crash of this process into one line and the signal SIGABRT, as described
// above. The caller calls stop before the process ends. Without a second process, crashes are shown
// as Go's runtime shows them.
func guardCrashes() (stop func()) {
	nothing := func() {}
	program, err := os.Executable()
	if os.Getenv("GOTRACEBACK") != "" || err != nil {
		return nothing
	}
	descriptor, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nothing
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nothing
	}
	defer read.Close()
	defer write.Close()
	stderr := os.NewFile(uintptr(descriptor), "/dev/stderr")
	guard := exec.Command(program, guardArgument)
	guard.Stdin, guard.Stderr = read, stderr
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that Ctrl-C does not end it
	if guard.Start() != nil {
		return nothing
	}
	if unix.Dup2(int(write.Fd()), 2) != nil {
		return nothing
	}
	os.Stderr = stderr
	debug.SetTraceback("crash")
	// A core file of the memory of a training helps nobody who does not ask for it by GOTRACEBACK.
	// Programs that this one starts may raise the limit again.
	var cores unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_CORE, &cores) == nil {
		cores.Cur = 0
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &cores)
	}
	return func() {
		_ = unix.Dup2(descriptor, 2) // closes the pipe, which ends the guard
		ended := make(chan struct{})
		go func() { defer close(ended); _ = guard.Wait() }()
		select {
		case <-ended:
		case <-time.After(guardPatience):
		}
	}
}
