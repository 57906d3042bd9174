//go:build faults && linux && amd64

package faults

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// fault is what the tracer does to a process at one of its system calls that change the folder.
type fault struct {
	at        int    // the number of the call, from 1; 0 for none
	kind      string // "kill -9", "torn write", "EIO", "full disk"
	interrupt int    // the number of the call at which the process receives SIGINT; 0 for none
}

// traced is a process that has ended.
type traced struct {
	code   int      // exit code; −1 if a signal ended the process
	calls  []string // system calls that change the folder, in order
	stderr string
	hit    bool // the fault took place
}

// tracer runs one process and stops it at its system calls.
type tracer struct {
	fault
	folder  string
	pid     int
	memory  *os.File
	threads map[int]*thread
	result  traced
}

// thread is a thread of the process, and what is to be done when its call ends.
type thread struct {
	inside  bool // a system call
	failure syscall.Errno
	kill    bool
}

// trace runs the program in a folder and applies the fault to it.
func trace(t *testing.T, folder string, f fault, args ...string) traced {
	t.Helper()
	runtime.LockOSThread() // one thread must start the process and trace it
	defer runtime.UnlockOSThread()
	cmd, output := program(t, folder, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("this machine lets no test trace a process: %v", err)
	}
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	tr := &tracer{
		fault: f, folder: folder, pid: cmd.Process.Pid, memory: memory,
		threads: map[int]*thread{cmd.Process.Pid: {}},
	}
	if err := tr.run(); err != nil {
		t.Fatal(err)
	}
	tr.result.stderr = output()
	return tr.result
}

// program prepares the program in a folder. output returns what it wrote to stderr.
func program(t *testing.T, folder string, args ...string) (cmd *exec.Cmd, output func() string) {
	t.Helper()
	stderr, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(binary, args...)
	cmd.Dir, cmd.Stderr = folder, stderr
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=2")
	return cmd, func() string {
		text, err := os.ReadFile(stderr.Name())
		if err != nil {
			t.Fatal(err)
		}
		stderr.Close()
		return string(text)
	}
}

func (tr *tracer) run() error {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(tr.pid, &status, 0, nil); err != nil {
		return err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := syscall.PtraceSetOptions(tr.pid, options); err != nil {
		return err
	}
	if err := syscall.PtraceSyscall(tr.pid, 0); err != nil {
		return err
	}
	for {
		tid, err := syscall.Wait4(-1, &status, unix.WALL, nil)
		if err != nil {
			return err
		}
		if tid == tr.pid && (status.Exited() || status.Signaled()) {
			tr.result.code = status.ExitStatus()
			return nil
		}
		if status.Stopped() {
			tr.stopped(tid, status)
		}
	}
}

// stopped deals with a thread that stops, and lets it go on. A thread that is killed meanwhile is
// gone, so that errors mean nothing here.
func (tr *tracer) stopped(tid int, status syscall.WaitStatus) {
	th, known := tr.threads[tid]
	if !known {
		th = &thread{}
		tr.threads[tid] = th
	}
	pass := 0
	switch signal := status.StopSignal(); {
	case signal == syscall.SIGTRAP|0x80:
		if th.inside = !th.inside; th.inside {
			tr.begins(tid, th)
		} else {
			tr.ends(tid, th)
		}
	case signal == syscall.SIGTRAP, signal == syscall.SIGSTOP && !known: // a new thread
	default:
		pass = int(signal)
	}
	_ = syscall.PtraceSyscall(tid, pass)
}

// begins applies the fault to a call that changes the folder.
func (tr *tracer) begins(tid int, th *thread) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	call := tr.change(regs)
	if call == "" {
		return
	}
	tr.result.calls = append(tr.result.calls, call)
	number := len(tr.result.calls)
	if number == tr.interrupt {
		_ = syscall.Kill(tr.pid, syscall.SIGINT)
	}
	full := tr.kind == "full disk" && tr.at > 0 && number > tr.at && needsSpace(call) // stays full
	if number != tr.at && !full {
		return
	}
	switch tr.kind {
	case "kill -9":
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
	case "torn write":
		if !strings.HasPrefix(call, "write") {
			return
		}
		regs.Rdx /= 2
		th.kill = true
		_ = syscall.PtraceSetRegs(tid, &regs)
	default:
		th.failure = syscall.EIO
		if tr.kind == "full disk" {
			if !needsSpace(call) {
				return
			}
			th.failure = syscall.ENOSPC
		}
		regs.Orig_rax = ^uint64(0) // no call: the kernel does nothing
		_ = syscall.PtraceSetRegs(tid, &regs)
	}
	tr.result.hit = true
}

// needsSpace reports whether a full disk lets a call fail.
func needsSpace(call string) bool {
	kind, _, _ := strings.Cut(call, " ")
	return kind == "create" || kind == "write" || kind == "sync" || kind == "mkdir"
}

// ends lets a call fail that began with a fault.
func (tr *tracer) ends(tid int, th *thread) {
	if th.kill {
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
		return
	}
	if th.failure == 0 {
		return
	}
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) == nil {
		regs.Rax = -uint64(th.failure)
		_ = syscall.PtraceSetRegs(tid, &regs)
	}
	th.failure = 0
}

// change describes a call that changes a file of the folder, as "write model.npz". It is "" for
// other calls.
func (tr *tracer) change(r syscall.PtraceRegs) string {
	const here = unix.AT_FDCWD
	switch r.Orig_rax {
	case unix.SYS_OPENAT:
		if r.Rdx&unix.O_CREAT != 0 {
			return tr.inside("create", tr.path(int(int32(r.Rdi)), r.Rsi))
		}
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV:
		return tr.inside("write", tr.file(r.Rdi))
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return tr.inside("sync", tr.file(r.Rdi))
	case unix.SYS_FTRUNCATE, unix.SYS_FCHMOD:
		return tr.inside("alter", tr.file(r.Rdi))
	case unix.SYS_FLOCK:
		return tr.inside("lock", tr.file(r.Rdi))
	case unix.SYS_TRUNCATE, unix.SYS_CHMOD:
		return tr.inside("alter", tr.path(here, r.Rdi))
	case unix.SYS_RENAME, unix.SYS_LINK:
		return tr.inside("rename", tr.path(here, r.Rsi))
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		return tr.inside("rename", tr.path(int(int32(r.Rdx)), r.R10))
	case unix.SYS_UNLINK, unix.SYS_RMDIR:
		return tr.inside("remove", tr.path(here, r.Rdi))
	case unix.SYS_UNLINKAT:
		return tr.inside("remove", tr.path(int(int32(r.Rdi)), r.Rsi))
	case unix.SYS_MKDIR:
		return tr.inside("mkdir", tr.path(here, r.Rdi))
	case unix.SYS_MKDIRAT:
		return tr.inside("mkdir", tr.path(int(int32(r.Rdi)), r.Rsi))
	}
	return ""
}

func (tr *tracer) inside(what, path string) string {
	rest, within := strings.CutPrefix(path, tr.folder)
	if !within {
		return ""
	}
	return what + " " + strings.TrimPrefix(rest, "/")
}

// file is the path of an open file.
func (tr *tracer) file(descriptor uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tr.pid, int32(descriptor)))
	return path
}

// path reads a path from the memory of the process.
func (tr *tracer) path(folder int, address uint64) string {
	text := make([]byte, 4096)
	n, _ := tr.memory.ReadAt(text, int64(address))
	name, _, _ := bytes.Cut(text[:n], []byte{0})
	switch {
	case filepath.IsAbs(string(name)):
		return string(name)
	case folder == unix.AT_FDCWD:
		return filepath.Join(tr.folder, string(name))
	}
	return filepath.Join(tr.file(uint64(folder)), string(name))
}
