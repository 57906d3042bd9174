//go:build unix && !linux

package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// script starts a watcher and then becomes the program. The watcher reads a pipe that only this
// process holds open. When this process ends, be it by kill -9, the pipe closes and the watcher
// ends the whole process group. Processes with a group of their own are out of its reach.
const script = `(read -r _ <&3; kill -TERM $$; for i in $(seq "$1"); do kill -0 $$ && sleep 1; done; kill -KILL $$
[ -z "$0" ] || rm -rf "$0"; kill -KILL 0) >/dev/null 2>&1 & shift; exec "$@" 3<&-`

// Process is a guarded program.
type Process struct {
	grace time.Duration
	cmd   *exec.Cmd
	pipe  *os.File // closing it ends the group
	done  chan struct{}
}

// Start starts a program under a guard. The program has a process group of its own.
func Start(o Options) (*Process, error) {
	if len(o.Files) > 0 {
		return nil, fmt.Errorf("cannot hand files to %s: %w", o.Program, errors.ErrUnsupported)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make a pipe: %w; raise the limit of open files", err)
	}
	defer reader.Close()
	seconds := strconv.Itoa(int(o.Grace / time.Second))
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, o.Folder, seconds, o.Program}, o.Args...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.Dir, o.Env, o.Log, o.errors()
	cmd.ExtraFiles = []*os.File{reader}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		writer.Close()
		return nil, fmt.Errorf("cannot start %s: %w", o.Program, err)
	}
	p := &Process{grace: o.Grace, cmd: cmd, pipe: writer, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // State says how it ended
		close(p.done)
	}()
	return p, nil
}

// Group is the number of the program's process, and of its process group.
func (p *Process) Group() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended, by itself or by End.
func (p *Process) Done() <-chan struct{} { return p.done }

// State says how the program ended, such as "exit status 1". It is valid after Done.
func (p *Process) State() string { return p.cmd.ProcessState.String() }

// Gone is closed when the program has ended. What it has started may end later.
func (p *Process) Gone() <-chan struct{} { return p.done }

// Mark does nothing on this system.
func (p *Process) Mark() {}

// Sweep does nothing on this system: orphans end with the program.
func (p *Process) Sweep() {}

// End ends the program and everything in its process group, and returns when the program has
// ended.
func (p *Process) End() {
	if p.grace > 0 {
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(p.grace):
		}
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	_ = p.pipe.Close()
}
