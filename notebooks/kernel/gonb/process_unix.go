//go:build unix

package gonb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// guardScript starts a watcher and then becomes GoNB. The watcher reads a pipe that only this
// process holds open. When this process ends, be it by kill -9, the pipe closes and the watcher
// ends the whole process group: GoNB, a running compiler and the cell's program. (A parent-death
// signal would reach GoNB alone.)
const guardScript = `(read -r _ <&3; kill -KILL $$; rm -rf "$TMPDIR"; kill -KILL 0) >/dev/null 2>&1 & exec "$@" 3<&-`

// process is a GoNB process with its process group and its watcher.
type process struct {
	cmd   *exec.Cmd
	guard *os.File // closing it ends the group
	done  chan struct{}
}

// startProcess starts program in a process group of its own, with stdout and stderr in log. env
// holds the TMPDIR that the watcher removes.
func startProcess(program string, args []string, dir string, env []string, log *os.File) (*process, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("kernel: cannot make a pipe: %w; raise the limit of open files", err)
	}
	defer reader.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", guardScript, "sh", program}, args...)...)
	cmd.Dir, cmd.Env = dir, env
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{reader}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, fmt.Errorf("kernel: cannot start GoNB: %w; check that /bin/sh and %s exist", err, dir)
	}
	p := &process{cmd: cmd, guard: writer, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // GoNB's log says how it ended
		close(p.done)
	}()
	return p, nil
}

// kill ends the group at once and waits for GoNB. The watcher keeps the group's number in use until
// then.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	_ = p.guard.Close()
}

// alive reports whether a process exists, of whatever user.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
